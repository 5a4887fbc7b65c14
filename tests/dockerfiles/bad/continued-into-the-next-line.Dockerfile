FROM alpine
COPY a \
     --from=x \
     $'b
