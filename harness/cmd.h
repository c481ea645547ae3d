/* The subcommands of tcprig.  Each is called with argv[0] its own name and the rest what follows it
 * on the command line, parses its own options (--help included) and returns the exit status:
 * 0 all as expected, 1 findings, 2 usage or bad input, 77 this machine cannot. */
#ifndef HARNESS_CMD_H
#define HARNESS_CMD_H

#define TCPRIG_VERSION "0.1.0"

enum { EXIT_AS_EXPECTED = 0, EXIT_FINDINGS = 1, EXIT_USAGE = 2, EXIT_UNSUPPORTED = 77 };

int cmd_agent(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_endpoint(int argc, char **argv);
int cmd_convert(int argc, char **argv);
int cmd_fmt(int argc, char **argv);
int cmd_interop(int argc, char **argv); /* interop/: above this layer, linked into the program */
int cmd_ledger(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_stage0(int argc, char **argv);
int cmd_triage(int argc, char **argv);

#endif
