FROM alpine
ENV one=1 \
    # a comment
    two=2 \

    three="3 \
    4"
