/* Frames: the 10-byte header, and the reader that cuts a stream of bytes into
 * frames wherever the transport happened to cut it. Pure: no I/O, no loop. */
#ifndef TTRPC_FRAME_H
#define TTRPC_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define TTRPC_HEADER_SIZE 10u

enum ttrpc_frame_type { TTRPC_REQUEST = 1, TTRPC_RESPONSE = 2, TTRPC_DATA = 3 };

enum ttrpc_frame_flag { TTRPC_REMOTE_CLOSED = 1, TTRPC_REMOTE_OPEN = 2, TTRPC_NO_DATA = 4 };

struct ttrpc_frame {
  uint32_t length; /* of data, in bytes */
  uint32_t stream;
  uint8_t type; /* enum ttrpc_frame_type, or one that we do not know */
  uint8_t flags;
  const uint8_t *data; /* into the reader's buffer; NULL if the frame is oversize */
};

/* Writes a header to out[TTRPC_HEADER_SIZE]. */
void ttrpc_frame_write_header(uint8_t *out, uint32_t length, uint32_t stream, uint8_t type, uint8_t flags);

/* Zeroed memory is an empty reader, which holds no buffer. */
struct ttrpc_reader {
  uint8_t *buffer;
  size_t capacity;
  size_t start; /* bytes [start, end) are read and not yet consumed */
  size_t end;
  uint64_t skip; /* bytes of an oversize frame that are still to be thrown away */
};

enum ttrpc_next {
  TTRPC_NEXT_NONE,     /* more bytes are needed */
  TTRPC_NEXT_FRAME,    /* frame is complete; its data is valid until ttrpc_reader_settle */
  TTRPC_NEXT_OVERSIZE, /* frame's header came; its data is being skipped */
};

/* Where the next bytes may be put; *length is never 0. The buffer grows with the
 * bytes that came, never with the length that a header merely claims. */
uint8_t *ttrpc_reader_space(struct ttrpc_reader *reader, size_t *length);

/* length bytes were put there. */
void ttrpc_reader_filled(struct ttrpc_reader *reader, size_t length);

/* Takes the next frame out. */
enum ttrpc_next ttrpc_reader_next(struct ttrpc_reader *reader, struct ttrpc_frame *frame);

/* Call when the frames taken are done with: gives the buffer back if nothing is
 * left in it, else moves the rest to its front. */
void ttrpc_reader_settle(struct ttrpc_reader *reader);

void ttrpc_reader_clear(struct ttrpc_reader *reader);

#endif
