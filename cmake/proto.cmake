# Every proto/**/*.proto becomes C at build time, in one library; generated code
# is never committed. Include it by its path below proto/: "ttrpc/ttrpc.pb-c.h".
file(GLOB_RECURSE HP_PROTOS CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/proto ${CMAKE_SOURCE_DIR}/proto/*.proto)
set(HP_PROTO_DIR ${CMAKE_BINARY_DIR}/proto)
file(MAKE_DIRECTORY ${HP_PROTO_DIR})
foreach(proto ${HP_PROTOS})
  string(REGEX REPLACE "\\.proto$" "" stem ${proto})
  add_custom_command(
    OUTPUT ${HP_PROTO_DIR}/${stem}.pb-c.c ${HP_PROTO_DIR}/${stem}.pb-c.h
    COMMAND ${PROTOC_C} --proto_path=${CMAKE_SOURCE_DIR}/proto --c_out=${HP_PROTO_DIR} ${proto}
    DEPENDS ${CMAKE_SOURCE_DIR}/proto/${proto}
    COMMENT "protoc-c ${proto}" VERBATIM)
  list(APPEND HP_PROTO_SOURCES ${HP_PROTO_DIR}/${stem}.pb-c.c)
  list(APPEND HP_PROTO_HEADERS ${HP_PROTO_DIR}/${stem}.pb-c.h)
endforeach()
add_library(hp_proto STATIC ${HP_PROTO_SOURCES} ${HP_PROTO_HEADERS} ${CMAKE_SOURCE_DIR}/proto/empty_string.c)
target_include_directories(hp_proto SYSTEM PUBLIC ${HP_PROTO_DIR})
target_compile_options(hp_proto PRIVATE $<IF:$<BOOL:${MSVC}>,/w,-w>)
target_link_libraries(hp_proto PUBLIC PkgConfig::PROTOBUFC)
# The empty string of a shared protobuf-c costs a relocation by name, of 24 bytes, for
# each text field of each message; those of one's own are packed (6 KiB in all).
target_compile_definitions(hp_proto PUBLIC protobuf_c_empty_string=hp_empty_string)
