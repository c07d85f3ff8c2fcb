#include "study/near_identical.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "base/random.h"
#include "text/normalize.h"

namespace gantry {
namespace {

bool is_white(uint32_t c) {
  return c <= 0x20 || c == 0x7f || c == 0x85 || c == 0xa0 || c == 0x1680 || c == 0x180e ||
         (c >= 0x2000 && c <= 0x200f) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x2060 || c == 0x3000 || c == 0xfeff;
}

// One code point of valid UTF-8 at `at`, which moves on.
uint32_t next_code_point(std::string_view text, size_t& at) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  uint32_t lead = byte(at++);
  if (lead < 0x80) return lead;
  int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
  uint32_t c = lead & (0x3fu >> more);
  for (; more > 0 && at < text.size(); --more) c = (c << 6) | (byte(at++) & 0x3fu);
  return c;
}

std::vector<uint32_t> folded_code_points(std::string_view text) {
  std::string plain = lower_case(nfkc(text));
  std::vector<uint32_t> out;
  out.reserve(plain.size() / 2);
  for (size_t at = 0; at < plain.size();)
    if (uint32_t c = next_code_point(plain, at); !is_white(c)) out.push_back(c);
  return out;
}

}  // namespace

void NearIdentical::add(std::string_view text) {
  index_.reset();
  std::vector<uint32_t> points = folded_code_points(text);
  size_t begin = grams_.size();
  begin_.push_back(begin);
  if (points.empty()) return;
  size_t n = std::min(static_cast<size_t>(ngram_), points.size());
  for (size_t i = 0; i + n <= points.size(); ++i) {
    uint64_t hash = n;
    for (size_t k = 0; k < n; ++k) hash = mix64(hash ^ points[i + k]);
    grams_.push_back(hash);
  }
  auto first = grams_.begin() + static_cast<std::ptrdiff_t>(begin);
  std::sort(first, grams_.end());
  grams_.erase(std::unique(first, grams_.end()), grams_.end());
}

size_t NearIdentical::count(size_t text) const {
  return (text + 1 < begin_.size() ? begin_[text + 1] : grams_.size()) - begin_[text];
}

double NearIdentical::jaccard(size_t a, size_t b) const {
  size_t na = count(a), nb = count(b);
  const uint64_t *x = &grams_[begin_[a]], *y = &grams_[begin_[b]];
  // overlap / (na + nb - overlap) >= t  <=>  overlap >= t / (1 + t) * (na + nb)
  double needed = threshold_ / (1 + threshold_) * static_cast<double>(na + nb) - 1e-9;
  size_t i = 0, j = 0, overlap = 0;
  while (i < na && j < nb) {
    if (static_cast<double>(overlap + std::min(na - i, nb - j)) < needed) return -1;
    if (x[i] == y[j]) {
      ++overlap, ++i, ++j;
    } else if (x[i] < y[j]) {
      ++i;
    } else {
      ++j;
    }
  }
  if (static_cast<double>(overlap) < needed) return -1;
  return static_cast<double>(overlap) / static_cast<double>(na + nb - overlap);
}

// Texts with the same n-grams are one class; the filter works on classes, so that ten thousand
// copies of one normal report cost no more than one.
struct NearIdentical::Index {
  std::vector<std::vector<size_t>> classes;  // members, ascending; in order of n-gram count
  struct Posting {
    uint64_t gram;
    uint32_t of;  // class
    bool operator<(const Posting& other) const {
      return gram != other.gram ? gram < other.gram : of < other.of;
    }
  };
  std::vector<Posting> postings;  // the rarest n-grams of every class, sorted
  std::vector<std::vector<uint32_t>>
      runs;  // of each class: its postings that have others before them

  explicit Index(const NearIdentical& texts) {
    make_classes(texts);
    make_postings(texts);
    make_runs();
  }

  void make_runs() {
    runs.resize(classes.size());
    for (size_t begin = 0; begin < postings.size();) {
      size_t end = begin;
      while (end < postings.size() && postings[end].gram == postings[begin].gram) ++end;
      for (size_t i = begin + 1; i < end; ++i)
        runs[postings[i].of].push_back(static_cast<uint32_t>(i));
      begin = end;
    }
  }

  void make_classes(const NearIdentical& texts) {
    auto grams = [&](size_t text) {
      return std::span<const uint64_t>(texts.grams_.data() + texts.begin_[text], texts.count(text));
    };
    std::vector<uint64_t> digest(texts.size());
    std::vector<size_t> order;
    for (size_t text = 0; text < texts.size(); ++text) {
      if (texts.count(text) == 0) continue;
      for (uint64_t gram : grams(text)) digest[text] = mix64(digest[text] ^ gram);
      order.push_back(text);
    }
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      if (size_t na = texts.count(a), nb = texts.count(b); na != nb) return na < nb;
      return digest[a] != digest[b] ? digest[a] < digest[b] : a < b;
    });
    for (size_t text : order) {
      bool same = !classes.empty() && digest[classes.back().front()] == digest[text] &&
                  std::ranges::equal(grams(classes.back().front()), grams(text));
      if (!same) classes.emplace_back();
      classes.back().push_back(text);
    }
  }

  // Two sets of similarity t share one of the |x| - ceil(t |x|) + 1 first elements of each, in any
  // order common to all; the rarest first makes the fewest candidates. Rarity is counted in a table
  // of hashed counters: a collision only makes an n-gram look less rare.
  void make_postings(const NearIdentical& texts) {
    constexpr int kBits = 22;
    std::vector<uint32_t> often(size_t{1} << kBits);
    auto counter = [&](uint64_t gram) -> uint32_t& { return often[gram >> (64 - kBits)]; };
    for (const auto& members : classes) {
      size_t begin = texts.begin_[members.front()], n = texts.count(members.front());
      for (size_t i = 0; i < n; ++i) ++counter(texts.grams_[begin + i]);
    }
    std::vector<uint64_t> grams;
    for (size_t c = 0; c < classes.size(); ++c) {
      size_t begin = texts.begin_[classes[c].front()], n = texts.count(classes[c].front());
      auto first = texts.grams_.begin() + static_cast<std::ptrdiff_t>(begin);
      grams.assign(first, first + static_cast<std::ptrdiff_t>(n));
      size_t must =
          static_cast<size_t>(std::ceil(texts.threshold_ * static_cast<double>(n) - 1e-9));
      size_t prefix = n - std::min(must, n) + 1;
      if (prefix > n) prefix = n;
      std::partial_sort(grams.begin(), grams.begin() + static_cast<std::ptrdiff_t>(prefix),
                        grams.end(), [&](uint64_t a, uint64_t b) {
                          uint32_t fa = counter(a), fb = counter(b);
                          return fa != fb ? fa < fb : a < b;
                        });
      for (size_t i = 0; i < prefix; ++i) postings.push_back({grams[i], static_cast<uint32_t>(c)});
    }
    std::sort(postings.begin(), postings.end());
  }
};

const NearIdentical::Index& NearIdentical::index() const {
  if (!index_) index_ = std::make_shared<const Index>(*this);
  return *index_;
}

void NearIdentical::for_each_pair(const std::function<bool(size_t, size_t)>& wanted,
                                  const std::function<void(size_t, size_t, double)>& found) const {
  const Index& index = this->index();
  auto ask = [&](size_t a, size_t b, auto&& similarity) {
    size_t i = std::min(a, b), j = std::max(a, b);
    if (!wanted(i, j)) return;
    double value = similarity();
    if (value >= 0) found(i, j, value);
  };
  for (const auto& members : index.classes)
    for (size_t i = 0; i < members.size(); ++i)
      for (size_t j = i + 1; j < members.size(); ++j)
        ask(members[i], members[j], [] { return 1.0; });

  std::vector<uint32_t> seen(index.classes.size(), UINT32_MAX);
  for (uint32_t c = 0; c < index.classes.size(); ++c) {
    size_t own = index.classes[c].front();
    double shortest = threshold_ * static_cast<double>(count(own)) - 1e-9;
    for (uint32_t at : index.runs[c]) {
      uint64_t gram = index.postings[at].gram;
      // Classes are in order of size: going back in the run, the first too short one ends it.
      for (size_t back = at; back-- > 0 && index.postings[back].gram == gram;) {
        uint32_t other = index.postings[back].of;
        size_t text = index.classes[other].front();
        if (static_cast<double>(count(text)) < shortest) break;
        if (seen[other] == c) continue;
        seen[other] = c;
        double known = -2;  // not computed yet
        auto similarity = [&] { return known == -2 ? known = jaccard(own, text) : known; };
        for (size_t a : index.classes[c]) {
          for (size_t b : index.classes[other]) {
            ask(a, b, similarity);
            if (known == -1) break;
          }
          if (known == -1) break;
        }
      }
    }
  }
}

}  // namespace gantry
