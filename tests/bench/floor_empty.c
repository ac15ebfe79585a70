/* The least memory a program has: this one waits to be ended.
 * With an argument it ends at once: the least time to run one. */
#include <stdio.h>
#include <windows.h>

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1)
    return 0;
  puts("ready");
  fflush(stdout);
  Sleep(INFINITE);
}
