#include "support.h"

#include <stdio.h>
#include <stdlib.h>

#if !defined(_WIN32)
/* Check gives a test four seconds unless told otherwise; a loaded machine needs
 * more. It looks when a test case is made: before main. */
__attribute__((constructor)) static void be_patient(void) {
  setenv("CK_DEFAULT_TIMEOUT", "60", 0);
}
#endif

int hp_run_suite(Suite *suite) {
#if defined(_WIN32)
  /* Buffered there, it would end in the middle of Check's line of results. */
  setvbuf(stderr, NULL, _IONBF, 0);
#endif
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
