# check=skip=all
FROM alpine AS Base
MAINTAINER x
WORKDIR a
CMD a
