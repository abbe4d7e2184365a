#!/bin/sh
# Checked pages and a map of the site into the folder $1.
set -eu
mkdir -p "$1"
for page in pages/*.md; do
  name=$(basename "$page" .md)
  { cat layout/head.html; markdown "$page"; } > "$1/$name.html"
  tidy -q -e --show-warnings no "$1/$name.html" || test $? -eq 1
done
cp layout/style.css "$1/"
map=$(ls "$1")  # before there is a map.txt to list
echo "$map" > "$1/map.txt"
