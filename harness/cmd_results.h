/* The options by which every command that has results writes them: --json, --junit, --html. */
#ifndef HARNESS_CMD_RESULTS_H
#define HARNESS_CMD_RESULTS_H

#include <argp.h>

#include "harness/report.h"

/* As a child of a command's own argp; its input, which the command's parser hands on at
 * ARGP_KEY_INIT as state->child_inputs[0], is a struct report_paths. */
extern const struct argp_child cmd_results[];

/* Whether standard output is a report's; then it is nobody else's. */
bool results_on_stdout(const struct report_paths *);

#endif
