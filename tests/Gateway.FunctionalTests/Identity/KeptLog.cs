using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Gateway.FunctionalTests.Identity;

/// <summary>Keeps all that the gateway logs, and what its libraries log from Information on: what a product in use would have in its logs and more.</summary>
internal sealed class KeptLog(ConcurrentQueue<string> lines) : ILoggerProvider
{
    public ILogger CreateLogger(string categoryName) => new Logger(lines, categoryName);

    public void Dispose()
    {
    }

    private sealed class Logger(ConcurrentQueue<string> lines, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        // Request logs of the host write the whole address; the product's configuration turns them off.
        public bool IsEnabled(LogLevel logLevel) => category.StartsWith("Gateway.", StringComparison.Ordinal)
            || (logLevel >= LogLevel.Information && !category.StartsWith("Microsoft.AspNetCore.Hosting", StringComparison.Ordinal));

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                lines.Enqueue($"{category}: {formatter(state, exception)} {exception}");
            }
        }
    }
}
