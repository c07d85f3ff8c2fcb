// Reads the protocol buffers wire format (the few kinds of fields that a SentencePiece model has),
// every step checked against the end of the bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gantry {

class ProtobufReader {
 public:
  // `where` names the file in errors; both must outlive the reader.
  ProtobufReader(std::string_view bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  // Goes to the next field; false at the end. Error E0326 for bytes that are no such message.
  bool next();

  // Of the field just reached. Error E0326 when it is of another wire type.
  uint32_t number() const { return number_; }
  uint64_t varint() const;
  bool boolean() const { return varint() != 0; }
  float float32() const;
  std::string_view bytes() const;  // a string, bytes or a nested message

 private:
  enum WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
  uint64_t read_varint();
  std::string_view take(uint64_t n);
  void require(WireType type) const;
  [[noreturn]] void fail(const std::string& what) const;

  std::string_view bytes_;
  const std::string& where_;
  size_t at_ = 0;
  uint32_t number_ = 0;
  uint8_t type_ = 0;
  uint64_t varint_ = 0;
  std::string_view field_;
};

}  // namespace gantry
