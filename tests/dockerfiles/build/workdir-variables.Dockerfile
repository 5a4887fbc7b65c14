FROM scratch
ENV ROOT=/srv
ARG NAME=shop
WORKDIR ${ROOT}/${NAME}
WORKDIR "with space"
COPY a.txt .
