#!/usr/bin/env -S docker build -f
# check=skip=JSONArgsRecommended
FROM alpine
CMD a b
