// TextSource: a file, standard input or bytes in memory as a stream of UTF-8, with the bad bytes'
// places, in bounded memory. Until the first byte beyond ASCII is met the encoding stays open, so a
// megabyte of ASCII before the first kanji decides nothing.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/sha256.h"
#include "text/encoding.h"

namespace gantry {

class TextSource {
 public:
  // `encoding` "" detects. Errors E0101, E0203.
  TextSource(const std::filesystem::path& path, const std::string& encoding);
  TextSource(std::string_view bytes, std::string name, const std::string& encoding);
  ~TextSource();
  TextSource(const TextSource&) = delete;
  TextSource& operator=(const TextSource&) = delete;

  // Decoded and not yet consumed. Valid until the next fill().
  std::string_view view() const { return std::string_view(buffer_).substr(begin_); }
  // Reads and decodes more; false when there is no more (then everything is in view()).
  // Errors E0101, E0202 (no text), E0203 (encoding not to be told).
  bool fill();
  void consume(size_t bytes);

  // The first bad byte among the `bytes` decoded bytes at the front of view(), as a sentence.
  std::optional<std::string> bad_within(size_t bytes) const;

  const std::string& name() const { return name_; }
  const Detected& detected() const { return detected_; }
  int64_t bytes_read() const { return static_cast<int64_t>(read_); }
  const std::map<uint32_t, uint64_t>& private_use() const;
  std::string sha256();  // of the bytes read; ends the computation

 private:
  void wait_for_input() const;
  size_t read_some(std::string& out);
  Detected decide(std::string& bytes);  // may read on
  void settle(Detected detected);

  std::string name_, shown_name_;
  int fd_ = -1;
  bool owns_fd_ = false, is_stream_ = false;
  std::string_view memory_;
  Sha256 hash_;
  std::string hash_hex_;
  uint64_t read_ = 0;
  bool ended_ = false, decided_ = false;
  Detected detected_;
  std::unique_ptr<TextDecoder> decoder_;
  std::map<uint32_t, uint64_t> none_;
  std::string buffer_;  // decoded; [begin_, end) is not consumed
  size_t begin_ = 0;
  uint64_t dropped_ = 0;  // decoded bytes that have left buffer_
  // The first of each line; output_offset counts from the start of the decoded stream.
  std::deque<TextDecoder::Bad> bad_;
  uint64_t last_bad_ = 0;  // of all, in the decoded stream
};

}  // namespace gantry
