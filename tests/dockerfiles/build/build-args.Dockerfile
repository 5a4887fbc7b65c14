# build-arg: ONE=given
# build-arg: EMPTY=
# build-arg: HTTP_PROXY=http://proxy
FROM scratch
ARG ONE=default
ARG TWO=default
ARG EMPTY=default
ARG NOT_SET
ENV RESULT="$ONE $TWO [$EMPTY] [$NOT_SET]"
ENV ONE=env
LABEL one=$ONE
COPY a.txt /$ONE/
