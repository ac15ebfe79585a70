/* Where Windows begins: what main expects of any system is made so here. */
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <jansson.h>

#include "base/memory.h"
#include "cli/cli.h"
#include "host/host.h"
#include "host/windows/launcher.h"
#include "host/windows/seed.h"
#include "host/windows/text.h"

int main(int argc, char **argv);
int wmain(int argc, wchar_t **wide);

/* The active code page that the manifest asks for is UTF-8 only from Windows
 * 10 1903 on; Server 2019 is older. */
static char **narrow_arguments(int argc, wchar_t **wide) {
  struct hp_strings argv = {0};
  for (int i = 0; i < argc; i++)
    hp_strings_take(&argv, hp_narrow(wide[i]));
  return argv.items;
}

/* Left to itself jansson asks the old CryptoAPI for its seed, which loads a
 * provider, and with it a dozen DLLs, into every process. */
static void seed_tables(void) {
  uint64_t seed = 0;
  if (hp_seed(&seed))
    json_object_seed((size_t)seed); /* 0: let it ask */
}

int wmain(int argc, wchar_t **wide) {
  /* What is loaded from here on is System32's; what was loaded before are KnownDLLs
   * (cmake/delay-import.cmake). So no DLL beside this program is ever taken. */
  if (!SetDefaultDllDirectories(LOAD_LIBRARY_SEARCH_SYSTEM32))
    return EXIT_FAILURE;
  seed_tables();
  SetErrorMode(SEM_FAILCRITICALERRORS); /* no dialogue that nobody sees */
  _setmode(_fileno(stdin), _O_BINARY);  /* protobuf, both ways */
  _setmode(_fileno(stdout), _O_BINARY);
  _setmode(_fileno(stderr), _O_BINARY);
  char **argv = narrow_arguments(argc, wide);
  if (hp_launcher_is_asked(argc, argv))
    return hp_launcher_main(argv);
  if (argc > 2 && argv[1][0] == '-' && strcmp(argv[argc - 1], HOST_DAEMON_VERB) == 0)
    return host_daemon_continue(hp_serve);
  return main(argc, argv);
}
