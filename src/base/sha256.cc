#include "base/sha256.h"

#include <openssl/evp.h>

#include "base/error.h"
#include "base/file.h"

namespace gantry {

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  // Fetched once: OpenSSL 3 would look EVP_sha256() up, under a lock, for every short text.
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  GANTRY_CHECK(state_->context && EVP_DigestInit_ex(state_->context, sha256, nullptr) == 1);
}
Sha256::~Sha256() = default;

void Sha256::update(const void* data, size_t bytes) {
  GANTRY_CHECK(EVP_DigestUpdate(state_->context, data, bytes) == 1);
}

std::string Sha256::hex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  GANTRY_CHECK(EVP_DigestFinal_ex(state_->context, digest, &size) == 1);
  static const char* digits = "0123456789abcdef";
  std::string out;
  for (unsigned i = 0; i < size; ++i) {
    out += digits[digest[i] >> 4];
    out += digits[digest[i] & 15];
  }
  return out;
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.hex();
}

std::string sha256_of_file(const std::filesystem::path& path) {
  MappedFile file(path);
  return sha256_hex(file.text());
}

}  // namespace gantry
