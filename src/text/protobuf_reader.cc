#include "text/protobuf_reader.h"

#include <cstring>

#include "base/error.h"

namespace gantry {

void ProtobufReader::fail(const std::string& what) const {
  throw Error("E0326", where_ + ", byte " + std::to_string(at_) + ": " + what,
              "The file is damaged, cut short, or no SentencePiece model: get it again.");
}

uint64_t ProtobufReader::read_varint() {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (at_ >= bytes_.size()) fail("the file ends within a number");
    const auto byte = static_cast<unsigned char>(bytes_[at_++]);
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (!(byte & 0x80)) return value;
  }
  fail("a number of more than 64 bits");
}

std::string_view ProtobufReader::take(uint64_t n) {
  if (n > bytes_.size() - at_)
    fail("a field of " + std::to_string(n) + " bytes where " + std::to_string(bytes_.size() - at_) +
         " are left");
  const std::string_view field = bytes_.substr(at_, n);
  at_ += n;
  return field;
}

bool ProtobufReader::next() {
  if (at_ >= bytes_.size()) return false;
  const uint64_t tag = read_varint();
  if (tag >> 3 == 0 || tag >> 3 > (1u << 29) - 1) fail("a field with a number that cannot be");
  number_ = static_cast<uint32_t>(tag >> 3);
  type_ = tag & 7;
  switch (type_) {
    case kVarint:
      varint_ = read_varint();
      break;
    case kFixed64:
      field_ = take(8);
      break;
    case kBytes:
      field_ = take(read_varint());
      break;
    case kFixed32:
      field_ = take(4);
      break;
    default:
      fail("a field of the unknown wire type " + std::to_string(type_));
  }
  return true;
}

void ProtobufReader::require(WireType type) const {
  if (type_ != type)
    fail("field " + std::to_string(number_) + " has the wire type " + std::to_string(type_));
}

uint64_t ProtobufReader::varint() const {
  require(kVarint);
  return varint_;
}

float ProtobufReader::float32() const {
  require(kFixed32);
  float value;
  std::memcpy(&value, field_.data(), sizeof value);
  return value;
}

std::string_view ProtobufReader::bytes() const {
  require(kBytes);
  return field_;
}

}  // namespace gantry
