# Which host stands behind host.h, and what that system wants of every object.
if(WIN32)
  enable_language(RC)
  if(CMAKE_CROSSCOMPILING) # ctest runs the unit programs under Wine
    set(CMAKE_CROSSCOMPILING_EMULATOR ${CMAKE_SOURCE_DIR}/scripts/wine.sh run)
  endif()
  set(HP_OS windows)
  # jobapi, ConPTY and the like are looked up at run time; what is linked is
  # there on every Windows that has containers (Server 2019, build 17763).
  include(cmake/delay-import.cmake)
  set(HP_OS_LIBRARIES hp_delay_advapi32 hp_delay_bcrypt hp_delay_iphlpapi hp_delay_netapi32 hp_delay_secur32 hp_delay_userenv)
  add_compile_definitions(UNICODE _UNICODE WIN32_LEAN_AND_MEAN NTDDI_VERSION=0x0A000006)
  # Nothing but the system's own DLLs; the same bytes from the same source.
  if(MSVC)
    set(CMAKE_MSVC_RUNTIME_LIBRARY MultiThreaded)
    add_compile_options(/experimental:c11atomics)
    add_link_options(/Brepro)
  else()
    add_link_options(-static -static-libgcc -Wl,--no-insert-timestamp)
  endif()
else()
  set(HP_OS linux)
  set(HP_OS_LIBRARIES Threads::Threads)
endif()
