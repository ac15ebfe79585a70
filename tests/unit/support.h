/* What every unit test program shares. */
#ifndef HP_TESTS_UNIT_SUPPORT_H
#define HP_TESTS_UNIT_SUPPORT_H

#include <check.h>

/* Runs a suite of one file and returns main's exit status. Honours Check's own
 * environment (CK_FORK=no for sanitizers and debuggers, CK_RUN_CASE, …). */
int hp_run_suite(Suite *suite);

#endif
