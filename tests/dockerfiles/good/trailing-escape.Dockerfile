FROM alpine
ENV a=b\\
RUN echo a \
