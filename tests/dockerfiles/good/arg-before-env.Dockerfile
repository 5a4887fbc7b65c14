FROM alpine
ARG name=arg
ENV name=env
ENV first=$name
ARG name=again
ENV second=$name
