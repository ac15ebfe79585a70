/* The system copies the ends it gets; only through them, and through its own
 * handle, does a pseudo console live. Before build 26100 closing that handle
 * waits for the output to be read, so it is never done on the loop. */
#include "host/windows/console.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/memory.h"
#include "host/host.h"
#include "host/windows/pipe_pair.h"
#include "host/windows/winapi.h"

#define DEFAULT_COLUMNS 80
#define DEFAULT_ROWS 25
#define SIZE_LIMIT 32767u /* COORD is a pair of SHORT */

struct hp_console {
  hp_pseudo_console pseudo; /* NULL: finished */
  HANDLE input, output;     /* NULL: taken */
};

static void close_handle(HANDLE *handle) {
  if (*handle)
    CloseHandle(*handle);
  *handle = NULL;
}

static int failed(HRESULT status, const char *call, COORD size, struct hp_error *err) {
  int reason = HRESULT_FACILITY(status) == FACILITY_WIN32 ? HRESULT_CODE(status) : (int)status;
  return hp_error_set_os(err, reason, "%s of %dx%d", call, size.X, size.Y);
}

static int make_size(unsigned columns, unsigned rows, COORD *size, struct hp_error *err) {
  if (columns == 0 || rows == 0 || columns > SIZE_LIMIT || rows > SIZE_LIMIT)
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "terminal size %ux%u is out of range; 1x1 to %ux%u is possible", columns, rows,
                        SIZE_LIMIT, SIZE_LIMIT);
  *size = (COORD){(SHORT)columns, (SHORT)rows};
  return 0;
}

int hp_console_open(unsigned columns, unsigned rows, struct hp_console **console, struct hp_error *err) {
  const struct hp_winapi *api = hp_winapi();
  if (!api->CreatePseudoConsole || !api->ResizePseudoConsole || !api->ClosePseudoConsole)
    return hp_winapi_absent("CreatePseudoConsole", err);
  COORD size;
  bool whole = columns > 0 && rows > 0;
  if (make_size(whole ? columns : DEFAULT_COLUMNS, whole ? rows : DEFAULT_ROWS, &size, err) != 0)
    return -1;

  struct hp_console *made = hp_alloc(sizeof *made);
  HANDLE typed = NULL, shown = NULL;
  int result = -1;
  if (hp_pipe_pair(HP_PIPE_FROM_US, &made->input, &typed, err) != 0 ||
      hp_pipe_pair(HP_PIPE_TO_US, &made->output, &shown, err) != 0)
    goto done;
  HRESULT status = api->CreatePseudoConsole(size, typed, shown, 0, &made->pseudo);
  if (FAILED(status)) {
    made->pseudo = NULL;
    failed(status, "CreatePseudoConsole", size, err);
    goto done;
  }
  *console = made;
  made = NULL;
  result = 0;
done:
  close_handle(&typed);
  close_handle(&shown);
  hp_console_free(made);
  return result;
}

void *hp_console_attribute(const struct hp_console *console) {
  return console->pseudo;
}

void hp_console_take(struct hp_console *console, HANDLE *input, HANDLE *output) {
  *input = console->input;
  *output = console->output;
  console->input = console->output = NULL;
}

static DWORD WINAPI close_pseudo(void *pseudo) {
  hp_winapi()->ClosePseudoConsole(pseudo);
  return 0;
}

void hp_console_finish(struct hp_console *console) {
  hp_pseudo_console pseudo = console->pseudo;
  console->pseudo = NULL;
  /* Without memory for a work item this waits for whoever reads, which is not
   * us at this moment; then nobody may: a console that is left over is better. */
  if (pseudo)
    QueueUserWorkItem(close_pseudo, pseudo, WT_EXECUTELONGFUNCTION);
}

void hp_console_free(struct hp_console *console) {
  if (!console)
    return;
  close_handle(&console->input);
  close_handle(&console->output);
  hp_console_finish(console);
  free(console);
}

int host_terminal_resize(host_handle terminal, unsigned columns, unsigned rows, struct hp_error *err) {
  const struct hp_console *console = terminal;
  COORD size;
  if (make_size(columns, rows, &size, err) != 0)
    return -1;
  if (!console->pseudo)
    return hp_error_set(err, HP_FAILED_PRECONDITION, "the process has exited: its terminal has no size");
  HRESULT status = hp_winapi()->ResizePseudoConsole(console->pseudo, size);
  return FAILED(status) ? failed(status, "ResizePseudoConsole", size, err) : 0;
}
