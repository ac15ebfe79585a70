/* What a function prints on standard output or standard error. */
#ifndef HP_TEST_CAPTURE_H
#define HP_TEST_CAPTURE_H

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct capture {
  FILE *stream, *file;
  int saved;
};

static inline struct capture capture_begin(FILE *stream) {
  struct capture capture = {stream, tmpfile(), dup(fileno(stream))};
  ck_assert_ptr_nonnull(capture.file);
  fflush(stream);
  ck_assert_int_ge(dup2(fileno(capture.file), fileno(stream)), 0);
  return capture;
}

/* As text of at most size - 1 bytes. */
static inline void capture_end(struct capture *capture, char *text, size_t size) {
  fflush(capture->stream);
  ck_assert_int_ge(dup2(capture->saved, fileno(capture->stream)), 0);
  close(capture->saved);
  rewind(capture->file);
  text[fread(text, 1, size - 1, capture->file)] = 0;
  fclose(capture->file);
}

#endif
