/* Writes a script as text that script_parse reads back as the same script.
 *
 * The text is stable: printing what was printed and parsed again gives the same octets. */
#ifndef HARNESS_SCRIPT_PRINT_H
#define HARNESS_SCRIPT_PRINT_H

#include <stdio.h>

#include "harness/script.h"

void script_print(FILE *, const struct script *);
void script_print_event(FILE *, const struct sc_event *); /* without the line end */
void script_print_packet(FILE *, const struct sc_packet *);
void script_print_num(FILE *, struct sc_num);
void script_print_flags(FILE *, uint16_t flags);

/* For the printer's own files. */
void sc_print_seq(FILE *, struct sc_num seq, uint32_t len);
void sc_print_string(FILE *, const char *text, size_t len);
void sc_print_direction(FILE *, char from, char to, uint8_t direction);

#endif
