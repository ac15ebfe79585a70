/* The least that `start` can take: a program that does nothing but run itself once
 * more, detached, wait for that one's word, and print its pid. The other stays. */
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

static int serve(void) {
  HANDLE word = GetStdHandle(STD_OUTPUT_HANDLE);
  DWORD written;
  if (!WriteFile(word, "!", 1, &written, NULL))
    return EXIT_FAILURE;
  CloseHandle(word);
  Sleep(INFINITE);
  return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
  SECURITY_ATTRIBUTES inherit = {.nLength = sizeof inherit, .bInheritHandle = TRUE};
  wchar_t path[MAX_PATH], command[] = L"floor_start serve";
  HANDLE word, tell;
  PROCESS_INFORMATION made;
  DWORD length = GetModuleFileNameW(NULL, path, MAX_PATH), got;
  char said;
  (void)argv;
  if (argc > 1)
    return serve();
  SetHandleInformation(GetStdHandle(STD_OUTPUT_HANDLE), HANDLE_FLAG_INHERIT, 0);
  SetHandleInformation(GetStdHandle(STD_ERROR_HANDLE), HANDLE_FLAG_INHERIT, 0);
  if (length == 0 || length >= MAX_PATH || !CreatePipe(&word, &tell, &inherit, 0))
    return EXIT_FAILURE;
  SetHandleInformation(word, HANDLE_FLAG_INHERIT, 0);
  STARTUPINFOW startup = {.cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES, .hStdOutput = tell};
  if (!CreateProcessW(path, command, NULL, NULL, TRUE, DETACHED_PROCESS, NULL, NULL, &startup, &made))
    return EXIT_FAILURE;
  CloseHandle(tell);
  if (!ReadFile(word, &said, 1, &got, NULL) || got != 1)
    return EXIT_FAILURE;
  printf("%lu\n", (unsigned long)made.dwProcessId);
  return EXIT_SUCCESS;
}
