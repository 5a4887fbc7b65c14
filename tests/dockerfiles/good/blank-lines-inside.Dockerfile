FROM alpine
RUN a \

    && b \
	 
    && c
ENV x=1 \


