#!/bin/sh
# Import of a million made-up rows by gantry, and of the same file by sqlite3's own .import (which
# checks nothing), one after the other on the same disk.
#
#   bench/import.sh [ROWS] [PROGRAM]      default: 1000000 build/gantry
#
# Prints rows/s of both, their ratio, and gantry's peak memory. gantry's seconds are those of the
# import itself; the cutting of sections that `gantry import` reports on afterwards is not in them.
set -eu
rows=${1:-1000000}
program=$(realpath "${2:-build/gantry}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

awk -v rows="$rows" '
BEGIN {
  n = split("肺に結節を認めません。|L3椎体に硬化像があり、前回と比べて増大しています。|肝S7に嚢胞を認めます。|" \
            "有意なリンパ節腫大は指摘できません。|骨転移を疑う所見は認めません。|右第5肋骨に淡い集積を認めます。", s, "|")
  print "report_id,patient_id,exam_date,modality,sex,age,primary,report,label,hard"
  for (i = 0; i < rows; i++) {
    body = ""
    for (j = 0; j < 4; j++) body = body s[(i * 7 + j * 5 + int(i / 3)) % n + 1]
    printf "HX-%07d,P%06d,20%02d-%02d-%02d,CT,%s,%d,肺癌,", i, int(i / 3), 15 + i % 10, 1 + i % 12, \
           1 + i % 28, i % 2 ? "F" : "M", 40 + i % 50
    printf "\"【臨床情報】\n肺癌術後%d年。転移検索。\n【所見】\n%s\n【診断】\n骨転移なし。%d\",%d,\n", \
           i % 9, body, i, i % 3
  }
}' > "$folder/hx.csv"

"$program" init "$folder/study" --task bone-metastasis > "$folder/init.txt"
/usr/bin/time -f %M -o "$folder/memory" \
  "$program" import --study "$folder/study" --json "$folder/hx.csv" > "$folder/import.json"
/usr/bin/time -f %e -o "$folder/seconds" \
  sqlite3 "$folder/plain.sqlite" ".mode csv" ".import $folder/hx.csv report"

tr ',{}' '\n\n\n' < "$folder/import.json" | awk -v rows="$rows" -v peer="$(cat "$folder/seconds")" \
  -v memory="$(tail -n 1 "$folder/memory")" -v bytes="$(wc -c < "$folder/hx.csv")" '
/"seconds"/ { sub(/.*: */, ""); own = $0 }
/"added"/ { sub(/.*: */, ""); added = $0 }
END {
  if (added + 0 != rows) { print "only " added " rows were added"; exit 1 }
  printf "%d rows, %.0f MB\n", rows, bytes / 1e6
  printf "gantry import    %8.2f s %10.0f rows/s, peak memory %.1f MB\n", own, rows / own, memory / 1024
  printf "sqlite3 .import  %8.2f s %10.0f rows/s\n", peer, rows / peer
  printf "ratio            %8.2f of the speed of .import\n", peer / own
}'
