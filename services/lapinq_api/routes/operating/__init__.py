"""Operations for operators: health, metrics, workers, webhooks, the API description."""
