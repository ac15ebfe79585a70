/* The least memory a program has that serves a pipe with libuv: floor_pipe NAME. */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

static void on_connection(uv_stream_t *server, int status) {
  (void)server;
  (void)status;
}

int main(int argc, char **argv) {
  uv_pipe_t pipe;
  if (argc != 2 || uv_pipe_init(uv_default_loop(), &pipe, 0) != 0 || uv_pipe_bind(&pipe, argv[1]) != 0 ||
      uv_listen((uv_stream_t *)&pipe, 1, on_connection) != 0)
    return EXIT_FAILURE;
  puts("ready");
  fflush(stdout);
  return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
