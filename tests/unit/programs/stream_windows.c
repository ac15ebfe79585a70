/* A program with streams, for the tests on Windows:
 *
 *   stream_windows burst BYTES     writes that many 'x' to standard output
 *   stream_windows both            "to out" and "to err"
 *   stream_windows echo            copies standard input to standard output,
 *                                  then writes "<end>"
 *   stream_windows lines COUNT MS  writes "line N" every so many milliseconds
 *   stream_windows leave MS        starts another that holds the streams for so long
 *   stream_windows hold MS
 *   stream_windows console         says what its console is, reads lines until
 *                                  their end and says how large it is then
 *
 * Exit status: 0, or 9 if a write failed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

static HANDLE out;

static void write_all(HANDLE to, const char *data, DWORD length) {
  while (length > 0) {
    DWORD written = 0;
    if (!WriteFile(to, data, length, &written, NULL))
      exit(9);
    data += written;
    length -= written;
  }
}

static void say(HANDLE to, const char *text) {
  write_all(to, text, (DWORD)strlen(text));
}

static void burst(unsigned long count) {
  static char block[65536];
  memset(block, 'x', sizeof block);
  while (count > 0) {
    DWORD length = count < sizeof block ? (DWORD)count : (DWORD)sizeof block;
    write_all(out, block, length);
    count -= length;
  }
}

static void echo(void) {
  char buffer[4096];
  DWORD got = 0;
  while (ReadFile(GetStdHandle(STD_INPUT_HANDLE), buffer, sizeof buffer, &got, NULL) && got > 0)
    write_all(out, buffer, got);
  say(out, "<end>");
}

static void lines(unsigned long count, DWORD pause) {
  char line[32];
  for (unsigned long i = 0; i < count; i++) {
    snprintf(line, sizeof line, "line %lu\n", i);
    say(out, line);
    Sleep(pause);
  }
}

static void leave(const char *milliseconds) {
  wchar_t self[MAX_PATH], command[MAX_PATH + 32];
  STARTUPINFOW startup = {.cb = sizeof startup};
  PROCESS_INFORMATION started;
  GetModuleFileNameW(NULL, self, MAX_PATH);
  swprintf(command, MAX_PATH + 32, L"\"%ls\" hold %hs", self, milliseconds);
  if (!CreateProcessW(self, command, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &started))
    exit(8);
  say(out, "left");
}

static void say_size(const char *what) {
  CONSOLE_SCREEN_BUFFER_INFO info;
  char text[64];
  if (!GetConsoleScreenBufferInfo(out, &info))
    exit(7);
  snprintf(text, sizeof text, "%s %dx%d\n", what, info.srWindow.Right - info.srWindow.Left + 1,
           info.srWindow.Bottom - info.srWindow.Top + 1);
  say(out, text);
}

static void console(void) {
  char line[128];
  DWORD got = 0;
  DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE;
  out = CreateFileW(L"CONOUT$", GENERIC_READ | GENERIC_WRITE, share, NULL, OPEN_EXISTING, 0, NULL);
  HANDLE in = CreateFileW(L"CONIN$", GENERIC_READ | GENERIC_WRITE, share, NULL, OPEN_EXISTING, 0, NULL);
  say_size("console");
  /* Ctrl+Z reads as nothing on Windows, and as itself under Wine. */
  while (ReadFile(in, line, sizeof line - 1, &got, NULL) && got > 0 && line[0] != '\x1a') {
    line[strcspn(line, "\r\n")] = '\0';
    say(out, "heard ");
    say(out, line);
    say(out, "\n");
  }
  say_size("ended at");
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  const char *first = argc > 2 ? argv[2] : "0", *second = argc > 3 ? argv[3] : "0";
  out = GetStdHandle(STD_OUTPUT_HANDLE);
  if (strcmp(mode, "burst") == 0)
    burst(strtoul(first, NULL, 10));
  else if (strcmp(mode, "echo") == 0)
    echo();
  else if (strcmp(mode, "lines") == 0)
    lines(strtoul(first, NULL, 10), (DWORD)strtoul(second, NULL, 10));
  else if (strcmp(mode, "leave") == 0)
    leave(first);
  else if (strcmp(mode, "hold") == 0)
    Sleep((DWORD)strtoul(first, NULL, 10));
  else if (strcmp(mode, "console") == 0)
    console();
  if (strcmp(mode, "both") == 0) {
    say(out, "to out");
    say(GetStdHandle(STD_ERROR_HANDLE), "to err");
  }
  return 0;
}
