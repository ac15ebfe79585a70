find_package(Threads REQUIRED)
find_program(PROTOC_C NAMES protoc-c PATH_SUFFIXES tools/protobuf-c REQUIRED)

if(NOT WIN32)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv)
  pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
  pkg_check_modules(PROTOBUFC REQUIRED IMPORTED_TARGET libprotobuf-c)
  # Its header alone: the library is loaded when the first YAML file is read.
  pkg_check_modules(YAML REQUIRED yaml-0.1)
  add_library(hp_yaml_header INTERFACE)
  target_include_directories(hp_yaml_header SYSTEM INTERFACE ${YAML_INCLUDE_DIRS})
  add_library(PkgConfig::YAML ALIAS hp_yaml_header)
  if(HP_TESTS)
    pkg_check_modules(CHECK REQUIRED IMPORTED_TARGET check)
  endif()
  return()
endif()

if(MSVC) # what vcpkg.json names, static
  find_package(libuv CONFIG REQUIRED)
  find_package(jansson CONFIG REQUIRED)
  find_package(protobuf-c CONFIG REQUIRED)
  find_package(yaml CONFIG REQUIRED)
  add_library(PkgConfig::UV ALIAS libuv::uv_a)
  add_library(PkgConfig::JANSSON ALIAS jansson::jansson)
  add_library(PkgConfig::PROTOBUFC ALIAS protobuf-c::protobuf-c)
  add_library(PkgConfig::YAML ALIAS yaml)
  return()
endif()

# The same targets from the prefix that scripts/windows-deps.sh fills: static
# libraries only, so that the executable needs no DLL beside it.
set(HP_WINDOWS_DEPS ${CMAKE_SOURCE_DIR}/build/windows-deps CACHE PATH "Prefix of the libraries for Windows")

function(hp_static_library target archive)
  set(path ${HP_WINDOWS_DEPS}/lib/${archive})
  if(NOT EXISTS ${path})
    message(FATAL_ERROR "${path} is missing: run scripts/windows-deps.sh ${HP_WINDOWS_DEPS}")
  endif()
  add_library(PkgConfig::${target} STATIC IMPORTED GLOBAL)
  set_target_properties(PkgConfig::${target} PROPERTIES
    IMPORTED_LOCATION ${path}
    INTERFACE_INCLUDE_DIRECTORIES ${HP_WINDOWS_DEPS}/include
    INTERFACE_LINK_LIBRARIES "${ARGN}")
endfunction()

hp_static_library(UV libuv.a psapi hp_delay_user32 hp_delay_advapi32 hp_delay_iphlpapi hp_delay_userenv hp_delay_ws2_32 dbghelp ole32 uuid shell32)
hp_static_library(JANSSON libjansson.a)
hp_static_library(PROTOBUFC libprotobuf-c.a)
hp_static_library(YAML libyaml.a)
if(HP_TESTS)
  hp_static_library(CHECK libcheck.a pthread)
endif()
