// The training cases whose texts are most like a case's: what the model could have learned from.
#pragma once

#include <memory>
#include <vector>

#include "report/test_report.h"
#include "stats/sparse.h"
#include "study/cases.h"
#include "text/block_tfidf.h"
#include "workflow/questions.h"

namespace gantry {

class TrainingNeighbours {
 public:
  // By the cosine of `tfidf`'s vectors of Case::baseline_text; `tfidf` must outlive it.
  TrainingNeighbours(const BlockTfidf& tfidf, std::vector<const Case*> training);
  // Likewise, by words of one and two as the nearest-case ranker reads them.
  explicit TrainingNeighbours(std::vector<const Case*> training);

  // The three nearest, the nearest first, with their reference answers to `kind`; texts are cut to
  // 400 characters.
  std::vector<Neighbour> of(const Case& item, AnswerKind kind) const;

 private:
  void read_training();
  std::vector<const Case*> training_;
  std::unique_ptr<BlockTfidf> own_;
  const BlockTfidf* tfidf_;
  std::vector<SparseRow> row_;  // [training]
  std::vector<double> length_;  // [training]
};

}  // namespace gantry
