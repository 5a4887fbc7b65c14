# check=experimental=all
# VERSION the version
ARG VERSION=1
# something else
ARG OTHER=2
# base is the base
FROM alpine AS base
# wrong
FROM alpine AS wrong
#
ARG A
