/* What a Windows host may lack, and what the toolchain's headers lack. The one
 * place for both; shared by the files of the Windows host only.
 *
 * Functions that some host this program runs on does not have are looked up at
 * run time, in System32 alone, and a pointer that is NULL is a normal state:
 * say so with hp_winapi_absent. Libraries that most shims never need are loaded
 * by the first call of their accessor and stay. Any thread. */
#ifndef HP_HOST_WINDOWS_WINAPI_H
#define HP_HOST_WINDOWS_WINAPI_H

#include <stdbool.h>
#include <windows.h>
#include <winternl.h>

#include "base/error.h"

/* ---- not in mingw-w64's headers -------------------------------------------- */

#define HP_JOB_MEMORY_USAGE ((JOBOBJECTINFOCLASS)28)   /* struct hp_job_memory_usage */
#define HP_JOB_CREATE_SILO ((JOBOBJECTINFOCLASS)35)    /* NULL, 0 */
#define HP_JOB_SILO_BASIC ((JOBOBJECTINFOCLASS)36)     /* struct hp_job_silo_basic */
#define HP_JOB_IO_ATTRIBUTION ((JOBOBJECTINFOCLASS)42) /* struct hp_job_io_attribution */

struct hp_job_memory_usage { /* JOBOBJECT_MEMORY_USAGE_INFORMATION, bytes */
  ULONG64 memory, peak_memory;
};

struct hp_job_silo_basic { /* SILOOBJECT_BASIC_INFORMATION */
  DWORD silo_id, parent_silo_id, process_count;
  BOOLEAN in_server_silo;
  BYTE reserved[3];
};

struct hp_job_io_attribution_stats { /* JOBOBJECT_IO_ATTRIBUTION_STATS */
  ULONG_PTR io_count;
  ULONGLONG total_non_overlapped_queue_time, total_non_overlapped_service_time, total_size;
};

struct hp_job_io_attribution { /* JOBOBJECT_IO_ATTRIBUTION_INFORMATION */
  ULONG control_flags;         /* HP_JOB_IO_ATTRIBUTION_ENABLE */
  struct hp_job_io_attribution_stats read_stats, write_stats;
};
#define HP_JOB_IO_ATTRIBUTION_ENABLE 1u

struct hp_job_io_rate { /* JOBOBJECT_IO_RATE_CONTROL_INFORMATION */
  LONG64 max_iops, max_bandwidth, reservation_iops;
  const wchar_t *volume_name;        /* NULL: all */
  ULONG base_io_size, control_flags; /* HP_JOB_IO_RATE_ENABLE */
};
#define HP_JOB_IO_RATE_ENABLE 1u

#define HP_PROCESS_VM_COUNTERS ((PROCESSINFOCLASS)3) /* struct hp_vm_counters */

struct hp_vm_counters { /* VM_COUNTERS_EX2 */
  SIZE_T peak_virtual_size, virtual_size;
  ULONG page_fault_count;
  SIZE_T peak_working_set_size, working_set_size;
  SIZE_T quota_peak_paged_pool_usage, quota_paged_pool_usage;
  SIZE_T quota_peak_nonpaged_pool_usage, quota_nonpaged_pool_usage;
  SIZE_T pagefile_usage, peak_pagefile_usage, private_usage;
  SIZE_T private_working_set_size;
  ULONGLONG shared_commit_usage;
};

typedef void *hp_pseudo_console; /* HPCON */

/* lmaccess.h's SERVICE_ACCOUNT_PASSWORD: stands for the password of a managed
 * account, which nobody knows. */
#define HP_SERVICE_ACCOUNT_PASSWORD L"_SA_{262E99C9-6160-4871-ACEC-4E61736B6F21}"

#define HP_REPARSE_TAG_AF_UNIX 0x80000023ul

/* bindlink.h (an undocumented one before Windows 11): BfSetupFilter's flags. */
#define HP_BIND_READ_ONLY 0x01ul
#define HP_BIND_CURRENT_SILO 0x04ul
#define HP_BIND_NO_MULTIPLE_TARGETS 0x40ul

struct hp_layer_driver_info { /* vmcompute.dll's DriverInfo */
  int flavour;                /* 1: the filter driver */
  const wchar_t *home;        /* L"": layers are named by their full path */
};

struct hp_layer_descriptor { /* WC_LAYER_DESCRIPTOR */
  GUID id;
  ULONG flags;
  const wchar_t *path;
};

/* ---- what is looked up -------------------------------------------------------- */

struct hp_winapi { /* kernel32 and ntdll */
  BOOL(WINAPI *IsWow64Process2)(HANDLE process, USHORT *process_machine, USHORT *native_machine);
  DWORD(WINAPI *SetIoRateControlInformationJobObject)(HANDLE job, struct hp_job_io_rate *rate);
  HRESULT(WINAPI *CreatePseudoConsole)
  (COORD size, HANDLE input, HANDLE output, DWORD flags, hp_pseudo_console *console);
  HRESULT(WINAPI *ResizePseudoConsole)(hp_pseudo_console console, COORD size);
  void(WINAPI *ClosePseudoConsole)(hp_pseudo_console console);
  DWORD(WINAPI *CtrlRoutine)(void *event); /* not to be called: the start of a remote thread */
  NTSTATUS(NTAPI *NtQueryInformationProcess)
  (HANDLE process, PROCESSINFOCLASS kind, void *data, ULONG length, ULONG *returned);
  NTSTATUS(NTAPI *NtCreateFile)
  (HANDLE *file, ACCESS_MASK access, OBJECT_ATTRIBUTES *attributes, IO_STATUS_BLOCK *status,
   LARGE_INTEGER *allocation, ULONG file_attributes, ULONG share, ULONG disposition, ULONG options, void *ea,
   ULONG ea_length);
  ULONG(NTAPI *RtlNtStatusToDosError)(NTSTATUS status);
  LONG(NTAPI *RtlGetVersion)(OSVERSIONINFOW *version); /* the true one, whatever the manifest says */
  const char *(CDECL *wine_get_version)(void);         /* Wine only */
};

struct hp_bindflt { /* bindfltapi.dll */
  HRESULT(WINAPI *BfSetupFilter)
  (HANDLE job, ULONG flags, const wchar_t *root, const wchar_t *target, const wchar_t **exceptions,
   ULONG exception_count);
};

struct hp_vmcompute { /* vmcompute.dll; a layer's id is its full path */
  HRESULT(WINAPI *ActivateLayer)(const struct hp_layer_driver_info *info, const wchar_t *id);
  HRESULT(WINAPI *DeactivateLayer)(const struct hp_layer_driver_info *info, const wchar_t *id);
  HRESULT(WINAPI *PrepareLayer)
  (const struct hp_layer_driver_info *info, const wchar_t *id, const struct hp_layer_descriptor *parents,
   ULONG parent_count);
  HRESULT(WINAPI *UnprepareLayer)(const struct hp_layer_driver_info *info, const wchar_t *id);
  HRESULT(WINAPI *GetLayerMountPath)
  (const struct hp_layer_driver_info *info, const wchar_t *id, SIZE_T *characters, wchar_t *path);
  HRESULT(WINAPI *CreateSandboxLayer)
  (const struct hp_layer_driver_info *info, const wchar_t *id, const wchar_t *parent,
   const struct hp_layer_descriptor *parents, ULONG parent_count);
  HRESULT(WINAPI *ExpandSandboxSize)
  (const struct hp_layer_driver_info *info, const wchar_t *id, ULONG64 bytes);
  HRESULT(WINAPI *NameToGuid)(const wchar_t *name, GUID *id);
};

const struct hp_winapi *hp_winapi(void);
const struct hp_bindflt *hp_winapi_bindflt(void);
const struct hp_vmcompute *hp_winapi_vmcompute(void);

/* Every function that is looked up, and whether this host has it. */
void hp_winapi_each(void (*visit)(void *arg, const char *name, const char *library, bool there), void *arg);

/* FailedPrecondition: "this host has no NAME (LIBRARY)". Returns -1. */
int hp_winapi_absent(const char *name, struct hp_error *err);

bool hp_winapi_is_wine(void);
unsigned hp_winapi_build(void); /* 17763: Windows Server 2019 */

/* One look-up; alone in its file so that a test can put its own in its place.
 * NULL: no such library or function. */
FARPROC hp_winapi_find(const wchar_t *library, const char *name);

#endif
