/* The container volume. Its parts of plan, make and release are in container.h. */
#ifndef HP_HOST_WINDOWS_VOLUME_H
#define HP_HOST_WINDOWS_VOLUME_H

#define HP_VOLUME_BASE L"C:\\hpc"

#endif
