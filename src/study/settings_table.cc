#include "study/settings_table.h"

#include <limits>

namespace gantry {
namespace {

constexpr double kMany = 1e9;
constexpr double kAny = 0;  // range of what is no number

#define AT(member) +[](Settings& s) -> decltype((s.member)) { return s.member; }

// clang-format off
const SettingSection kSections[] = {
    {"study", "What the study is."},
    {"columns", "Which column of the imported files holds what. Each is a list of candidates; the first that the file has is used. Names are compared without regard to case, width and surrounding space. All other columns are kept."},
    {"labels", "The groups, in the order of the model's outputs."},
    {"codes", "The code list of a task whose answers are codes."},
    {"regimen", "How a free-text answer is read into fields."},
    {"prompt", "What a language model is told. `{text}` stands for the case's text, `{NAME}` for the column of that name."},
    {"sections", "Which part of the report the model reads."},
    {"focus", "What the question is about."},
    {"cohort", "Which reports belong to the study. Every rule prints how many reports and patients it keeps and drops."},
    {"split", "Which patients are for training, tuning and testing. A patient is in one set only, and no two sets hold near-identical texts; this is proved and printed."},
    {"sampling", "Under-sampling of groups. What is taken out is counted, and the fractions are kept so that figures can be weighted back to the natural prevalence."},
    {"model", "The base model and how it reads a text."},
    {"lora", "Low-rank adapters instead of full fine-tuning."},
    {"train", "Fine-tuning."},
    {"pretrain", "Continued masked-language pretraining on the study's own reports (never those of the tuning or test set), before the restarts."},
    {"ensemble", "What answers: one model or several."},
    {"tfidf", "The TF-IDF + logistic regression: the baseline beside every model, and a member of the ensemble on request."},
    {"test", "Intervals of the figures."},
    {"ratings", "Clinicians' grades of answers (`gantry ratings`)."},
    {"predict", "Answers for new reports."},
    {"machine", "The machine."},
};

const SettingRow kRows[] = {
    {"study.name", AT(study.name), "", kAny, kAny, true, "Name of the study, shown in the report."},
    {"study.task", AT(study.task), "", kAny, kAny, true, "The task: a name (`tasks/NAME.toml` of the program) or a task file in the study's folder. Its defaults hold for every setting that is not given here."},

    {"study.synthetic", AT(study.synthetic), "", kAny, kAny, true, "The reports are synthetic: said on every page of the report."},
    {"study.data_note", AT(study.data_note), "", kAny, kAny, true, "What the data are, in a sentence for the report's readers."},

    {"study.answers", AT(study.answers), "", kAny, kAny, false, "What is asked of a case: `closed-set` (one of `labels.values`), `codes` (of `codes.list`), `text` (free text); one question of each kind at most. The task sets it."},

    {"columns.id", AT(columns.id), "", kAny, kAny, true, "The report's number, unique within its source."},
    {"columns.patient", AT(columns.patient), "", kAny, kAny, true, "The patient's number. Without one every report counts as its own patient, which is said."},
    {"columns.source", AT(columns.source), "", kAny, kAny, true, "The hospital or department. Without one it is the stem of the file's name."},
    {"columns.date", AT(columns.date), "", kAny, kAny, true, "Date of the examination."},
    {"columns.label", AT(columns.label), "", kAny, kAny, true, "The reference answer, where there is one."},
    {"columns.text", AT(columns.text), "", kAny, kAny, true, "The whole report with its headings."},
    {"columns.indication", AT(columns.indication), "", kAny, kAny, true, "The clinical indication, where sections come apart."},
    {"columns.findings", AT(columns.findings), "", kAny, kAny, true, "The findings, where sections come apart."},
    {"columns.diagnosis", AT(columns.diagnosis), "", kAny, kAny, true, "The diagnosis (impression), where sections come apart."},
    {"columns.diagnoses", AT(columns.diagnoses), "", kAny, kAny, false, "Diagnosis records of a case: a list of `{text, icd10}` (in a CSV as JSON), or a plain text, which is one record. Their texts are the case's text."},
    {"columns.plans", AT(columns.plans), "", kAny, kAny, false, "Plans of a case: a list of `{text, primary}`, or a plain text. For the cohort's rules only: no model ever reads them."},
    {"columns.code", AT(columns.code), "", kAny, kAny, false, "Reference code of the diagnosis, where it has a column of its own."},
    {"columns.answer", AT(columns.answer), "", kAny, kAny, false, "Reference answer in free text."},
    {"columns.encoding", AT(columns.encoding), "", kAny, kAny, false, "Character encoding of imported files: UTF-8, UTF-16, CP932, EUC-JP or ISO-2022-JP; `auto` detects it and says what it found."},

    {"labels.values", AT(labels.values), "", kAny, kAny, true, "The groups as they stand in the data. Imported rows with another label are set aside."},
    {"labels.names", AT(labels.names), "", kAny, kAny, true, "Their names, one a value."},
    {"labels.names_ja", AT(labels.names_ja), "", kAny, kAny, true, "Their names in Japanese, one a value, or none."},

    {"codes.list", AT(codes.list), "", kAny, kAny, true, "The edition of codes: a name that `gantry codes list` shows."},
    {"codes.ranges", AT(codes.ranges), "", kAny, kAny, true, "Which of its codes may be answered, such as `C00-D49` or `C00-D49,L91.0`; empty: all."},
    {"codes.billable_only", AT(codes.billable_only), "", kAny, kAny, false, "Only codes that the edition does not subdivide further."},
    {"codes.replaced", AT(codes.replaced), "", kAny, kAny, false, "Data file (`tasks/`) that says how a case's code is read which the edition has subdivided or retired. A code it does not name is left out of the score and listed."},
    {"codes.ranked", AT(codes.ranked), "", 1, 100, false, "Codes of an answer, best first."},
    {"codes.concepts", AT(codes.concepts), "", kAny, kAny, false, "Data file (`tasks/`) of what diagnoses and titles of codes may both speak of (side, organ, histology, ...), by which the ranker beside the model finds codes that no training case had. Empty: n-grams of the training cases rank."},
    {"codes.candidates", AT(codes.candidates), "", 1, 1000, false, "The ranker's best codes that the model gives its own probability, beside those that its search over the list finds."},

    {"regimen.terms", AT(regimen.terms), "", kAny, kAny, false, "Data file (`tasks/`) of the words of a radiotherapy regimen: answers are read into intent, technique, site, doses and so on, compared field by field and checked. Empty: the text has no fields."},
    {"regimen.rouge_tokens", AT(regimen.rouge_tokens), "english|characters|morphemes", kAny, kAny, false, "What ROUGE counts in free text: `english`, lower-case words of a-z and 0-9, stemmed, which is nothing of a Japanese text; `characters`; or `morphemes`, cut by MeCab with a dictionary that is installed (ipadic, unidic)."},

    {"prompt.chat", AT(prompt.chat), "", kAny, kAny, false, "Chat template around the prompt: its name, `none`, or `auto`, which is what the base model was made for."},
    {"prompt.instruction", AT(prompt.instruction), "", kAny, kAny, false, "What stands before every case."},
    {"prompt.record", AT(prompt.record), "", kAny, kAny, false, "The case."},
    {"prompt.closed_set", AT(prompt.closed_set), "", kAny, kAny, false, "The question for one of the groups. In the questions for groups and codes {candidates} is what the ranker beside the language model answers (fitted without the case's own source), best first; in the question for a free text {similar} is the text of the training case most alike."},
    {"prompt.codes", AT(prompt.codes), "", kAny, kAny, false, "The question for a code."},
    {"prompt.text", AT(prompt.text), "", kAny, kAny, false, "The question for a free text."},
    {"prompt.too_long", AT(prompt.too_long), "refuse|shorten", kAny, kAny, false, "A case that does not fit the model's context: it is refused and listed, or its text is shortened in the middle, which is counted and listed."},
    {"prompt.candidates", AT(prompt.candidates), "", 1, 100, false, "How many answers {candidates} shows."},
    {"prompt.examples", AT(prompt.examples), "", 0, 64, false, "Training cases shown to the untuned base in the few-shot arm of a test; 0: no such arm."},

    {"sections.use", AT(sections.use), "", kAny, kAny, true, "The sections the model reads, in this order: kinds of the heading table (`indication`, `findings`, `diagnosis`, ...) or `whole` for all of the report."},
    {"sections.tags", AT(sections.tags), "", kAny, kAny, true, "A short text put before each used section, one a section, or none."},
    {"sections.joiner", AT(sections.joiner), "", kAny, kAny, false, "What stands between two sections."},
    {"sections.required", AT(sections.required), "", kAny, kAny, true, "Sections a report must have; what happens without one is `missing`. Others may be absent. Either is counted and listed."},
    {"sections.missing", AT(sections.missing), "whole-text|set-aside", kAny, kAny, true, "A report without a required section: the model reads the whole text, or the report is set aside."},
    {"sections.fields", AT(sections.fields), "", kAny, kAny, false, "Other columns the model reads before the sections, each as `name: value`."},
    {"sections.wording", AT(sections.wording), "", kAny, kAny, false, "A table of the program's data folder (`tasks/`) that folds abbreviations into one wording, for the model's text only; none when empty."},

    {"focus.pattern", AT(focus.pattern), "", kAny, kAny, false, "Words that name what the question is about, as a PCRE2 pattern. `diagnosis.focus` in `sections.use` is then the clauses of the diagnosis that hold one of them, `diagnosis.other` the other clauses; likewise for every section."},
    {"focus.concepts", AT(focus.concepts), "", kAny, kAny, false, "A table of the program's data folder (`tasks/`) that tells what a clause says (new, larger, unchanged, denied, ...) in one sign each. `diagnosis.focus.concepts` or `whole.concepts` in `sections.use` and `tfidf.blocks` is then the signs of those clauses; none when empty."},

    {"cohort.keywords_any", AT(cohort.keywords_any), "", kAny, kAny, true, "Keep reports that hold one of these words. Compared after NFKC and case folding; line breaks inside Japanese words do not matter. Empty: no rule."},
    {"cohort.keywords_all", AT(cohort.keywords_all), "", kAny, kAny, false, "Keep reports that hold all of these words."},
    {"cohort.keywords_none", AT(cohort.keywords_none), "", kAny, kAny, false, "Drop reports that hold one of these words."},
    {"cohort.keyword_sections", AT(cohort.keyword_sections), "", kAny, kAny, false, "Where the words are looked for: `whole`, or kinds of the heading table."},
    {"cohort.from", AT(cohort.from), "YYYY-MM-DD", kAny, kAny, false, "First date of examination. Reports without a date are dropped when a window is set."},
    {"cohort.to", AT(cohort.to), "YYYY-MM-DD", kAny, kAny, false, "Last date of examination, included."},
    {"cohort.where", AT(cohort.where), "", kAny, kAny, false, "Keep reports whose columns hold one of the values: `{ modality = [\"CT\", \"MRI\"] }`. Names and values are compared after NFKC and case folding."},
    {"cohort.where_not", AT(cohort.where_not), "", kAny, kAny, false, "Drop reports whose columns hold one of the values."},
    {"cohort.diagnoses", AT(cohort.diagnoses), "any|one", kAny, kAny, false, "How many diagnosis records a case has. `one`: cases with several or none are dropped."},
    {"cohort.plan", AT(cohort.plan), "any|one-primary", kAny, kAny, false, "`one-primary`: cases without a clear primary plan are dropped: no plan, none or several marked as primary. A single plan that says neither is the primary one."},
    {"cohort.min_characters", AT(cohort.min_characters), "", 0, kMany, false, "Fewest characters of the text the model reads, white space not counted."},
    {"cohort.per_patient", AT(cohort.per_patient), "all|first|last", kAny, kAny, true, "Which reports of a patient are kept, by date."},

    {"split.method", AT(split.method), "auto|date|source|share", kAny, kAny, true, "`date`: by the windows below; `source`: by hospital; `share`: by chance with a seed, stratified by group. `auto`: by source when `test_sources` is given, by date when `test_from` is, else by share."},
    {"split.test_sources", AT(split.test_sources), "", kAny, kAny, true, "By source: the hospitals of the test set. Training never sees them."},
    {"split.tuning_sources", AT(split.tuning_sources), "", kAny, kAny, false, "By source: the hospitals of the tuning set. Empty: the tuning set is dealt from the other hospitals, `tuning_share` against `training_share`."},
    {"split.training_from", AT(split.training_from), "YYYY-MM-DD", kAny, kAny, false, "By date: first day of the training set; empty: open."},
    {"split.training_to", AT(split.training_to), "YYYY-MM-DD", kAny, kAny, false, "By date: last day of the training set; empty: the day before the next set begins."},
    {"split.tuning_from", AT(split.tuning_from), "YYYY-MM-DD", kAny, kAny, false, "By date: first day of the tuning set. Empty, with `tuning_to` empty too: the tuning set is dealt from the training window."},
    {"split.tuning_to", AT(split.tuning_to), "YYYY-MM-DD", kAny, kAny, false, "By date: last day of the tuning set; empty: the day before the test set begins."},
    {"split.test_from", AT(split.test_from), "YYYY-MM-DD", kAny, kAny, false, "By date: first day of the test set."},
    {"split.test_to", AT(split.test_to), "YYYY-MM-DD", kAny, kAny, false, "By date: last day of the test set; empty: open."},
    {"split.training_share", AT(split.training_share), "", 0, 1, false, "By share: part of the patients for training. The three shares add up to 1."},
    {"split.tuning_share", AT(split.tuning_share), "", 0, 1, false, "By share: part of the patients for tuning."},
    {"split.test_share", AT(split.test_share), "", 0, 1, false, "By share: part of the patients for testing."},
    {"split.seed", AT(split.seed), "", 0, kMany, true, "Seed of whatever is dealt by chance."},
    {"split.patients_shared_between_sources", AT(split.patients_shared_between_sources), "", kAny, kAny, false, "Whether the same patient number in two sources is the same patient. `true` is the safe choice; set `false` where hospitals number their patients on their own."},
    {"split.patient_overlap", AT(split.patient_overlap), "drop_from_training|refuse", kAny, kAny, false, "A patient in two sets, by date or source: his reports are dropped from the set further from testing (training before tuning before test), counted and listed; or the run is refused."},
    {"split.near_identical", AT(split.near_identical), "drop_from_training|refuse", kAny, kAny, false, "Near-identical texts in two sets, by date or source: likewise. By share they are dealt together."},
    {"split.near_identical_threshold", AT(split.near_identical_threshold), "", 0.5, 1, false, "Texts are near-identical when the Jaccard similarity of their sets of character n-grams is at least this, after NFKC, case folding and removal of white space."},
    {"split.near_identical_ngram", AT(split.near_identical_ngram), "", 1, 32, false, "n of those n-grams."},
    {"split.near_identical_of", AT(split.near_identical_of), "report|model-text", kAny, kAny, false, "Which text is compared: the whole report, or what the model reads of it."},

    {"sampling.training", AT(sampling.training), "", kAny, kAny, true, "Training set: \"none\", \"balanced\" (every group as small as the smallest), or the fraction to keep per group: `{ 0 = 0.2 }`."},
    {"sampling.tuning", AT(sampling.tuning), "", kAny, kAny, false, "Tuning set: likewise."},
    {"sampling.test", AT(sampling.test), "", kAny, kAny, true, "Test set: likewise."},
    {"sampling.training_max_per_group", AT(sampling.training_max_per_group), "", 0, kMany, false, "Most reports of one group in the training set; 0: no limit."},
    {"sampling.test_max_per_group", AT(sampling.test_max_per_group), "", 0, kMany, false, "Most reports of one group in the test set; 0: no limit."},
    {"sampling.seed", AT(sampling.seed), "", 0, kMany, false, "Seed of the choice."},

    {"model.base", AT(model.base), "", kAny, kAny, true, "The base model: a name on the shelf (`gantry model list`) or a Hugging Face folder."},
    {"model.precision", AT(model.precision), "auto|bf16|fp32", kAny, kAny, false, "Precision of training; `auto`: bf16 with fp32 master weights where the processor has it, else fp32."},
    {"model.max_tokens", AT(model.max_tokens), "", 8, 1e6, false, "Tokens of a window, special tokens included; at most the base model's own limit."},
    {"model.long_texts", AT(model.long_texts), "windows|refuse", kAny, kAny, false, "A text that does not fit: read in overlapping windows, or refused. Either is counted; nothing is cut off."},
    {"model.window_overlap", AT(model.window_overlap), "", 0, 1e6, false, "Tokens that two neighbouring windows share."},
    {"model.window_pooling", AT(model.window_pooling), "mean|max", kAny, kAny, false, "How the windows' answers (logits) become one."},
    {"model.pooling", AT(model.pooling), "auto|mean|first", kAny, kAny, false, "How a window's tokens become one vector; `auto`: as the base model was made for."},
    {"model.pooler", AT(model.pooler), "", kAny, kAny, false, "Use the architecture's own pooler (with `pooling = \"first\"`)."},

    {"model.base_weights", AT(model.base_weights), "auto|fp32|bf16|int8|nf4", kAny, kAny, false, "How a decoder's frozen weights are held; `auto`: bf16."},
    {"model.answer_tokens", AT(model.answer_tokens), "", 1, 1e6, false, "Most tokens of a free-text answer; one that does not end by then is marked."},
    {"model.beams", AT(model.beams), "", 1, 64, false, "Beams of the search for a free-text answer; 1: greedy."},
    {"model.code_beams", AT(model.code_beams), "", 1, 1024, false, "Beams of the search over the code list."},

    {"lora.rank", AT(lora.rank), "", 0, 1024, false, "Rank of the adapters; 0: full fine-tuning (encoders only)."},
    {"lora.alpha", AT(lora.alpha), "", 0, kMany, false, "Scale: the update is multiplied by alpha / rank."},
    {"lora.dropout", AT(lora.dropout), "", 0, 0.9, false, "Dropout before the adapters."},
    {"lora.targets", AT(lora.targets), "", kAny, kAny, false, "Adapted projections. Encoders: query, key, value, attention.output.dense, intermediate.dense, output.dense. Decoders: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj. `auto`: query and value, or all seven."},
    {"lora.rslora", AT(lora.rslora), "", kAny, kAny, false, "Decoders: the update is multiplied by alpha / sqrt(rank)."},

    {"train.runs", AT(train.runs), "", 1, 1000, true, "Restarts with different seeds; the best on the tuning set is kept, the spread is shown."},
    {"train.seed", AT(train.seed), "", 0, kMany, false, "Seed of the first restart."},
    {"train.metric", AT(train.metric), "macro_f1|accuracy|loss", kAny, kAny, false, "Figure of the tuning set by which the epoch and the restart are chosen."},
    {"train.tuning", AT(train.tuning), "fixed|rotate", kAny, kAny, false, "`fixed`: every restart is tuned on the tuning set. `rotate`: restart r is tuned on fold r of training + tuning (by patient, stratified) and trained on the rest."},
    {"train.folds", AT(train.folds), "", 2, 100, false, "Folds of `tuning = \"rotate\"`."},
    {"train.fold_by", AT(train.fold_by), "auto|patient|source", kAny, kAny, false, "What a fold is made of: patients, or whole sources (hospitals), so that the choice is made on hospitals not trained on; `auto`: sources where there are at least as many as folds."},
    {"train.epochs", AT(train.epochs), "", 1, 10000, true, "Passes over the training set."},
    {"train.patience", AT(train.patience), "", 0, 10000, false, "Epochs without a better tuning figure before a restart stops; 0: never."},
    {"train.batch_reports", AT(train.batch_reports), "", 1, 65536, false, "Reports a step."},
    {"train.even_steps", AT(train.even_steps), "", kAny, kAny, false, "Deal the shuffled reports into steps of like token count."},
    {"train.learning_rate", AT(train.learning_rate), "", 0, 10, true, "Rate of the encoder's top layer after the warm-up."},
    {"train.head_learning_rate", AT(train.head_learning_rate), "", 0, 10, false, "Rate of the classification head; 0: as `learning_rate`."},
    {"train.schedule", AT(train.schedule), "linear|cosine|constant", kAny, kAny, false, "Course of the rate after the warm-up."},
    {"train.warmup", AT(train.warmup), "", 0, 1, false, "Share of the steps over which the rate rises."},
    {"train.layer_decay", AT(train.layer_decay), "", 0.01, 1, false, "Each layer's rate is this times that of the layer above it."},
    {"train.weight_decay", AT(train.weight_decay), "", 0, 10, false, "AdamW's weight decay; not for biases and layer norms."},
    {"train.beta1", AT(train.beta1), "", 0, 0.999999, false, "AdamW's first decay rate."},
    {"train.beta2", AT(train.beta2), "", 0, 0.999999999, false, "AdamW's second decay rate."},
    {"train.epsilon", AT(train.epsilon), "", 0, 1, false, "AdamW's epsilon."},
    {"train.clip_norm", AT(train.clip_norm), "", 0, kMany, false, "Largest norm of the whole gradient; 0: not clipped."},
    {"train.dropout", AT(train.dropout), "", 0, 0.9, false, "Dropout of hidden states."},
    {"train.attention_dropout", AT(train.attention_dropout), "", 0, 0.9, false, "Dropout of attention probabilities."},
    {"train.head_dropout", AT(train.head_dropout), "", 0, 0.9, false, "Dropout before the classification head."},
    {"train.class_weights", AT(train.class_weights), "", 0, kMany, false, "Weights of the groups in the loss: \"none\", \"balanced\" (inverse to their size), or a list, one a label."},
    {"train.label_smoothing", AT(train.label_smoothing), "", 0, 0.9, false, "Share of the target spread over all groups."},
    {"train.freeze_embeddings", AT(train.freeze_embeddings), "", kAny, kAny, false, "Leave the token embeddings as they are."},
    {"train.averaging", AT(train.averaging), "none|ema|last_epochs", kAny, kAny, false, "Average weights over training: an exponential moving average, or the mean of the last epochs."},
    {"train.ema_decay", AT(train.ema_decay), "", 0, 0.999999, false, "Decay a step of `averaging = \"ema\"`."},
    {"train.averaged_epochs", AT(train.averaged_epochs), "", 1, 10000, false, "Epochs of `averaging = \"last_epochs\"`."},

    {"train.adapters", AT(train.adapters), "one|each", kAny, kAny, false, "Decoders, where several things are asked: one adapter for all questions, or one for each."},
    {"train.answer_weight", AT(train.answer_weight), "token|answer", kAny, kAny, false, "Decoders: what weighs alike in the loss, every token of an answer or every answer; where long and short answers are asked for, tokens let the long ones have nearly all of it."},
    {"train.step_tokens", AT(train.step_tokens), "", 0, kMany, false, "Decoders: tokens a step; 0: `batch_reports` cases with all their questions."},
    {"train.recompute", AT(train.recompute), "", kAny, kAny, false, "Decoders: activations are computed again in backward, which takes less memory and more time."},

    {"pretrain.passes", AT(pretrain.passes), "", 0, 10000, false, "Passes over the reports; 0: off."},
    {"pretrain.rate", AT(pretrain.rate), "", 0, 10, false, "Rate after the warm-up."},
    {"pretrain.mask_share", AT(pretrain.mask_share), "", 0.01, 0.9, false, "Share of the tokens to be guessed."},
    {"pretrain.text", AT(pretrain.text), "whole|model-text", kAny, kAny, false, "The whole report, or what the classifier reads of it."},

    {"ensemble.members", AT(ensemble.members), "best|all", kAny, kAny, true, "`best`: the best restart answers. `all`: the probabilities of all restarts are averaged."},
    {"ensemble.tfidf", AT(ensemble.tfidf), "", kAny, kAny, true, "TF-IDF + logistic regression answers beside the encoder, as one more member."},
    {"ensemble.weights", AT(ensemble.weights), "equal|tuned", kAny, kAny, false, "Weight of the TF-IDF member: as one restart, or chosen on the tuning set."},

    {"tfidf.baseline", AT(tfidf.baseline), "", kAny, kAny, false, "Sections the plain baseline reads, as one text."},
    {"tfidf.blocks", AT(tfidf.blocks), "", kAny, kAny, false, "Sections the member beside the model reads, each a block with features of its own (`diagnosis.focus`, ...); a number before the name (`0.5 diagnosis.focus.concepts`) is its weight; none: as the baseline."},
    {"tfidf.ngram_min", AT(tfidf.ngram_min), "", 1, 16, false, "Shortest character n-gram."},
    {"tfidf.ngram_max", AT(tfidf.ngram_max), "", 1, 16, false, "Longest character n-gram."},
    {"tfidf.min_reports", AT(tfidf.min_reports), "", 1, kMany, false, "n-grams of fewer reports are left out."},
    {"tfidf.c", AT(tfidf.c), "", 0, kMany, false, "Inverse strength of the L2 penalty; 0: chosen on the tuning set."},

    {"test.bootstrap", AT(test.bootstrap), "", 100, 1e7, false, "Resamples (over patients) of bootstrap intervals."},
    {"test.seed", AT(test.seed), "", 0, kMany, false, "Their seed."},
    {"test.confidence", AT(test.confidence), "", 0.5, 0.9999, false, "Confidence of the intervals."},
    {"test.interval", AT(test.interval), "wilson|clopper-pearson", kAny, kAny, false, "Interval of proportions."},
    {"test.margin", AT(test.margin), "", 0, 1, false, "Non-inferiority margin: how much lower than a reader's the model's accuracy may be. 0: none is declared. The date on which it is first seen is kept, and every change of it is shown in the report."},
    {"test.repeats", AT(test.repeats), "", 0, 100, false, "How many further times the test set is answered, to count answers that differ."},
    {"test.repeat_cases", AT(test.repeat_cases), "", 0, kMany, false, "Language models and rankers: at most so many test cases, by lot, are answered again; 0: all of them."},
    {"test.draws", AT(test.draws), "", 0, 100, false, "Language models: how many times texts are also drawn by chance, each with a seed of its own, to show what sampling would change."},
    {"test.draw_temperature", AT(test.draw_temperature), "", 0.01, 5, false, "Temperature of those draws."},
    {"test.occluded", AT(test.occluded), "", 0, 10000, false, "Language models and rankers: in how many of the surest failures of each question every clause is left out in turn, to show what moved the answer; 0: none."},
    {"test.robustness", AT(test.robustness), "", kAny, kAny, false, "Also answer the test set with its texts changed in known ways (widths, line breaks, order of sections, typing errors)."},

    {"ratings.scale", AT(ratings.scale), "", kAny, kAny, false, "Grades that clinicians give to answers, the worst first."},
    {"ratings.acceptable", AT(ratings.acceptable), "", kAny, kAny, false, "Those of the grades that count as acceptable."},

    {"predict.error_rate", AT(predict.error_rate), "", 0, 1, true, "Highest error rate wanted among answers that are given; less sure reports are marked `abstain`."},
    {"predict.abstention", AT(predict.abstention), "observed|upper-bound", kAny, kAny, false, "What is held to that rate on the tuning set: the observed error rate, or its upper confidence bound."},
    {"predict.precision", AT(predict.precision), "auto|fp32|bf16|int8", kAny, kAny, false, "Precision of answering."},
    {"predict.activations", AT(predict.activations), "int8|int16|exact", kAny, kAny, false, "Causal language models whose matrices have 4 to 8 bits: what is multiplied with them. `int8` rounds each 32 values of a row to 8 bits, as llama.cpp does; `int16` is as good as `exact` and a third slower; `exact` is the reference."},

    {"machine.threads", AT(machine.threads), "", 0, 4096, false, "Threads; 0: one a physical core."},
};
// clang-format on

#undef AT

}  // namespace

bool SettingRow::is_table() const {
  return std::holds_alternative<std::vector<FieldFilter>& (*)(Settings&)>(place) ||
         std::holds_alternative<SamplingRule& (*)(Settings&)>(place);
}

std::span<const SettingRow> setting_rows() { return kRows; }
std::span<const SettingSection> setting_sections() { return kSections; }

}  // namespace gantry
