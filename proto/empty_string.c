/* What every text field of proto3 starts with; see cmake/proto.cmake. */
extern const char protobuf_c_empty_string[];
const char protobuf_c_empty_string[] = "";
