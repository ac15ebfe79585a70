if(MSVC)
  add_compile_options(/guard:cf)
  add_link_options(/guard:cf /DYNAMICBASE /HIGHENTROPYVA /NXCOMPAT)
  return()
endif()
# What an optimised build gets beyond its level. The sanitizers bring checks of their
# own that these would get in the way of.
if(CMAKE_BUILD_TYPE MATCHES "Release|RelWithDebInfo" AND NOT HP_SANITIZE)
  include(CheckCCompilerFlag)
  include(CheckIPOSupported)
  check_ipo_supported(RESULT hp_ipo OUTPUT hp_ipo_reason LANGUAGES C)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ${hp_ipo})
  add_compile_options(-fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  check_c_compiler_flag(-fcf-protection hp_has_cf_protection)
  if(hp_has_cf_protection AND NOT WIN32)
    add_compile_options(-fcf-protection)
  endif()
  if(WIN32)
    add_link_options(-fstack-protector-strong) # libssp; src/windows/guard.c has what of it would cost a start
  else()
    set(CMAKE_POSITION_INDEPENDENT_CODE ON)
    add_link_options(-pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--gc-sections -Wl,--as-needed)
    add_compile_options(-ffunction-sections -fdata-sections)
    # Nothing here throws or unwinds: the tables for it are an eighth of the executable.
    # A debugger uses those of -g, which a stripped one does not have anyway.
    add_compile_options(-fno-asynchronous-unwind-tables -fno-unwind-tables)
    # For the size too: every address is bound at the start anyway, tables of jumps are
    # read-only data (for jumps that CET does not track), and gcc's -Os inlines too much.
    add_compile_options(-fno-plt -fno-jump-tables)
    if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
      add_compile_options(-fno-inline-small-functions)
    endif()
    # Relocations in a tenth of the space (DT_RELR; glibc 2.36 and later).
    include(CheckLinkerFlag)
    check_linker_flag(C -Wl,-z,pack-relative-relocs hp_has_relr)
    if(hp_has_relr)
      add_link_options(-Wl,-z,pack-relative-relocs)
    endif()
  endif()
endif()
# Control Flow Guard is not among it: gcc 12 does not know -mguard=cf.
if(WIN32)
  add_link_options(-Wl,--dynamicbase -Wl,--high-entropy-va -Wl,--nxcompat)
  # Sections lie in the file as in memory: Wine maps them then, instead of copying 650 KiB into every process.
  add_link_options(-Wl,--file-alignment,4096)
endif()
