FROM scratch
WORKDIR /app
COPY dir/one.text ./
