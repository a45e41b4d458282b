namespace Gateway.FunctionalTests;

/// <summary>Waits for something that comes about by itself, with a bound that only a broken product reaches.</summary>
internal static class Eventually
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public static Task HoldsAsync(Func<bool> holds) => HoldsAsync(() => Task.FromResult(holds()));

    public static async Task HoldsAsync(Func<Task<bool>> holds)
    {
        using var bound = new CancellationTokenSource(Limit, TimeProvider.System);
        while (!await holds())
        {
            try
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, bound.Token);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"It did not come about within {Limit}.");
            }
        }
    }
}
