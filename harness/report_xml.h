/* Text inside XML and HTML.  result.c has already replaced what neither can hold. */
#ifndef HARNESS_REPORT_XML_H
#define HARNESS_REPORT_XML_H

#include <stdarg.h>
#include <stdio.h>

/* As text or as the value of a quoted attribute; NULL is the empty string. */
void xml_text(FILE *, const char *text);
/* printf's result, escaped as a whole. */
void xml_textf(FILE *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
