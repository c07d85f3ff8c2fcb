#include "records/text_source.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "base/progress.h"
#include "base/strings.h"
#include "records/source_reader.h"

namespace gantry {
namespace {

constexpr size_t kPiece = size_t{256} << 10;
constexpr size_t kSample = size_t{256} << 10;
constexpr double kEnoughConfidence = 0.9;
constexpr double kCertain = 0.999999;  // a pipe is not waited on for a longer sample

TextEncoding encoding_named(const std::string& name) {
  if (auto found = find_encoding(name)) return *found;
  throw Error("E0203", "encoding '" + name + "': not known",
              "Use one of utf-8, utf-16, cp932, euc-jp, iso-2022-jp.");
}

bool leaves_ascii(std::string_view bytes) {
  return std::any_of(bytes.begin(), bytes.end(), [](char c) {
    auto byte = static_cast<uint8_t>(c);
    return byte >= 0x80 || byte == 0x1B || byte == 0;
  });
}

}  // namespace

TextSource::TextSource(const std::filesystem::path& path, const std::string& encoding)
    : name_(path == "-" ? "standard input" : path.filename().string()),
      shown_name_(path == "-" ? name_ : path.string()) {
  if (!encoding.empty()) settle({encoding_named(encoding), 1, "given", true});
  if (path == "-") {
    fd_ = STDIN_FILENO;
  } else {
    fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    owns_fd_ = true;
  }
  struct stat info {};
  if (fd_ >= 0 && ::fstat(fd_, &info) == 0 && S_ISDIR(info.st_mode)) {
    ::close(fd_);
    fd_ = -1;
    errno = EISDIR;
  }
  if (fd_ < 0)
    throw Error("E0101", shown_name_ + ": cannot be read (" + std::strerror(errno) + ")",
                "Check the name and the file's permissions.");
  is_stream_ = !S_ISREG(info.st_mode);
}

TextSource::TextSource(std::string_view bytes, std::string name, const std::string& encoding)
    : name_(std::move(name)), shown_name_(name_), memory_(bytes) {
  if (!encoding.empty()) settle({encoding_named(encoding), 1, "given", true});
}

TextSource::~TextSource() {
  if (owns_fd_ && fd_ >= 0) ::close(fd_);
}

// A pipe may be silent for long: Ctrl-C must be heard meanwhile.
void TextSource::wait_for_input() const {
  constexpr int kMilliseconds = 200;
  pollfd waiting{fd_, POLLIN, 0};
  while (::poll(&waiting, 1, kMilliseconds) == 0)
    throw_if_interrupted("What was read is stored; import the file again to go on.");
}

size_t TextSource::read_some(std::string& out) {
  size_t got = 0, old = out.size();
  if (fd_ < 0) {
    got = std::min(kPiece, memory_.size());
    out.append(memory_.substr(0, got));
    memory_.remove_prefix(got);
  } else {
    if (is_stream_) wait_for_input();
    out.resize(old + kPiece);
    ssize_t n;
    do n = ::read(fd_, out.data() + old, kPiece);
    while (n < 0 && errno == EINTR);
    if (n < 0)
      throw Error("E0101", shown_name_ + ": reading broke off (" + std::strerror(errno) + ")",
                  "Check the disk or the network drive, and import again.");
    got = static_cast<size_t>(n);
    out.resize(old + got);
  }
  hash_.update(out.data() + old, got);
  read_ += got;
  ended_ = got == 0;
  return got;
}

// The encoding is chosen from the first piece that leaves ASCII and what follows it.
Detected TextSource::decide(std::string& bytes) {
  bool from_start = read_ == bytes.size();
  Detected found;
  for (;;) {
    bool enough = bytes.size() >= kSample || ended_;
    if (enough || is_stream_) found = detect_encoding(bytes, ended_);
    if (enough || (is_stream_ && found.is_text && found.confidence >= kCertain)) break;
    read_some(bytes);
  }
  if (from_start && !found.is_text)
    throw Error("E0202", shown_name_ + ": not a text file, but " + found.reason,
                "Export the reports as CSV, TSV or JSONL.");
  if (found.is_text && found.confidence < kEnoughConfidence)
    throw Error("E0203",
                shown_name_ + ": the encoding cannot be told (best guess " +
                    std::string(name_of(found.encoding)) + ")",
                "Give the encoding (encoding = \"cp932\" in study.toml), or save as UTF-8.");
  return found;
}

void TextSource::settle(Detected detected) {
  detected_ = std::move(detected);
  decided_ = true;
  decoder_ = std::make_unique<TextDecoder>(detected_.encoding);
}

bool TextSource::fill() {
  if (ended_) return false;
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    dropped_ += begin_;
    begin_ = 0;
  }
  std::string bytes;
  read_some(bytes);
  if (!decided_ && leaves_ascii(bytes)) settle(decide(bytes));
  if (!decided_) {
    buffer_ += bytes;
    if (ended_) detected_ = {TextEncoding::utf8, 1, "nothing beyond ASCII", true};
    return true;
  }
  std::vector<TextDecoder::Bad> bad;
  decoder_->decode(bytes, ended_, buffer_, bad);
  // A row begins behind a line end, so the first bad byte of each line is enough: a long line of
  // noise costs no memory.
  for (TextDecoder::Bad& b : bad) {
    uint64_t since = std::max(last_bad_, dropped_) - dropped_;
    std::string_view between = std::string_view(buffer_).substr(since, b.output_offset - since);
    bool same_line = !bad_.empty() && find_line_end(between) == between.npos;
    b.output_offset += dropped_;
    last_bad_ = b.output_offset;
    if (!same_line) bad_.push_back(std::move(b));
  }
  return true;
}

void TextSource::consume(size_t bytes) {
  begin_ += bytes;
  while (!bad_.empty() && bad_.front().output_offset < dropped_ + begin_) bad_.pop_front();
}

std::optional<std::string> TextSource::bad_within(size_t bytes) const {
  if (bad_.empty() || bad_.front().output_offset >= dropped_ + begin_ + bytes) return std::nullopt;
  const TextDecoder::Bad& bad = bad_.front();
  return "byte " + with_commas(static_cast<int64_t>(bad.input_offset) + 1) +
         " of the file: " + bad.bytes + " is not " + std::string(name_of(detected_.encoding));
}

const std::map<uint32_t, uint64_t>& TextSource::private_use() const {
  return decoder_ ? decoder_->private_use() : none_;
}

std::string TextSource::sha256() {
  if (hash_hex_.empty()) hash_hex_ = hash_.hex();
  return hash_hex_;
}

}  // namespace gantry
