FROM alpine
COPY <<EOF /x
text
 EOF
