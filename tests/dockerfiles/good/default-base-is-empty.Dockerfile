# build-arg: IMAGE=alpine
# build-arg: EMPTY=
# build-arg: UNUSED=1
ARG IMAGE EMPTY
FROM $IMAGE
ARG EMPTY=full
ENV a=[$EMPTY]
