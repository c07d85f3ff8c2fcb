#include "models/architecture.h"

namespace gantry {

const Architecture roberta_architecture = {
    .model_types = {"roberta", "camembert"},
    .prefix = "roberta.",
    .encoder_class = "RobertaModel",
    .classifier_class = "RobertaForSequenceClassification",
    .pooler = PoolerKind::kDropoutTanhDropout,
    .pooler_tensor = "classifier.dense",
    .classifier_tensor = "classifier.out_proj",
};

const Architecture xlm_roberta_architecture = {
    .model_types = {"xlm-roberta"},
    .prefix = "roberta.",
    .encoder_class = "XLMRobertaModel",
    .classifier_class = "XLMRobertaForSequenceClassification",
    .pooler = PoolerKind::kDropoutTanhDropout,
    .pooler_tensor = "classifier.dense",
    .classifier_tensor = "classifier.out_proj",
};

}  // namespace gantry
