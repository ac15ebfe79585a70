# DLLs that Windows does not map for every process (KnownDLLs) are looked for
# beside the executable first, if it imports them: before main could say that
# only System32 counts. They are loaded by the first call instead, when wmain has
# said so. advapi32, user32 and ws2_32 are KnownDLLs, but `start` and a shim without
# a container need none of them, and they cost more to load than all the rest that
# these do; src/windows/delay.c keeps libuv from calling the latter two.
# cmake/delay/NAME.def lists what is called of each; a library hp_delay_NAME takes
# the place of the system's.
set(delayed advapi32 bcrypt iphlpapi netapi32 secur32 user32 userenv ws2_32)
if(MSVC)
  foreach(dll ${delayed})
    add_library(hp_delay_${dll} INTERFACE IMPORTED GLOBAL)
    target_link_libraries(hp_delay_${dll} INTERFACE ${dll} delayimp)
    target_link_options(hp_delay_${dll} INTERFACE /DELAYLOAD:${dll}.dll)
  endforeach()
  return()
endif()
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/delay)
foreach(dll ${delayed})
  set(archive ${CMAKE_BINARY_DIR}/delay/lib${dll}.a)
  # By a relative path: dlltool makes symbols of it.
  add_custom_command(OUTPUT ${archive}
    COMMAND ${CMAKE_DLLTOOL} --input-def ${CMAKE_SOURCE_DIR}/cmake/delay/${dll}.def --output-delaylib lib${dll}.a
    WORKING_DIRECTORY ${CMAKE_BINARY_DIR}/delay
    DEPENDS ${CMAKE_SOURCE_DIR}/cmake/delay/${dll}.def VERBATIM)
  add_custom_target(hp_delay_${dll}_archive DEPENDS ${archive})
  add_library(hp_delay_${dll} STATIC IMPORTED GLOBAL)
  set_target_properties(hp_delay_${dll} PROPERTIES IMPORTED_LOCATION ${archive})
  add_dependencies(hp_delay_${dll} hp_delay_${dll}_archive)
endforeach()
