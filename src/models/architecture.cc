#include "models/architecture.h"

#include <algorithm>

#include "base/error.h"

namespace gantry {

const Architecture& architecture_of(const std::string& model_type) {
  static const Architecture* const known[] = {
      &bert_architecture,
      &roberta_architecture,
      &xlm_roberta_architecture,
  };
  for (const Architecture* a : known)
    if (std::find(a->model_types.begin(), a->model_types.end(), model_type) != a->model_types.end())
      return *a;
  throw Error("E0614",
              "config.json: model_type '" + model_type + "' is not an encoder Gantry knows",
              "Use a BERT, RoBERTa or XLM-RoBERTa model.");
}

}  // namespace gantry
