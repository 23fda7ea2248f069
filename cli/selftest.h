/* The self-test for other subcommands. */
#ifndef MDL_CLI_SELFTEST_H
#define MDL_CLI_SELFTEST_H

/* 1 when the kernel that lives are run with gives every known digest. Says
 * nothing but when it cannot be run. */
int mdl_selftest_passes(void);

#endif
