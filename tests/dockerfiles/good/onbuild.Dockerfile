FROM alpine AS base
ONBUILD COPY . /app
ONBUILD RUN make /app
onbuild env A=1
ONBUILD ADD <<EOF /file
text
EOF
FROM base
ENV B=$A
