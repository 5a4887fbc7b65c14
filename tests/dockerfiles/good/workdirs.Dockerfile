FROM alpine
WORKDIR /a
WORKDIR b
WORKDIR ../c/./d
ENV DIR=/x
WORKDIR $DIR/y
WORKDIR "/with space"
WORKDIR a b
