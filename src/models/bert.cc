#include "models/architecture.h"

namespace gantry {

const Architecture bert_architecture = {
    .model_types = {"bert"},
    .prefix = "bert.",
    .encoder_class = "BertModel",
    .classifier_class = "BertForSequenceClassification",
    .pooler = PoolerKind::kTanhThenDropout,
    .pooler_tensor = "pooler.dense",
    .classifier_tensor = "classifier",
};

}  // namespace gantry
