using System.Globalization;
using System.Net;
using Gateway;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Configuration;

namespace Benchmarks;

/// <summary>YARP with one route and one cluster and nothing else: what the gateway is measured against, in a process of its own with the same runtime settings.</summary>
internal static class PlainYarp
{
    public const string Mode = "plain-yarp";

    public static async Task<int> RunAsync(int port, int operationsPort, int http2Port, string backend)
    {
        // As the gateway has it.
        SocketThreads.CompleteInline();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, port);
            kestrel.Listen(IPAddress.Loopback, operationsPort);
            kestrel.Listen(IPAddress.Loopback, http2Port, static listen => listen.Protocols = HttpProtocols.Http2);
            // As the gateway has it: a body of 100 MB is to pass.
            kestrel.Limits.MaxRequestBodySize = null;
        });
        builder.Services.AddReverseProxy().LoadFromMemory(
            [new RouteConfig { RouteId = "all", ClusterId = "backend", Match = new RouteMatch { Path = "{**path}" } }],
            [new ClusterConfig { ClusterId = "backend", Destinations = new Dictionary<string, DestinationConfig> { ["one"] = new() { Address = backend } } }]);
        var app = builder.Build();
        // In the gateway's words, so that one reader serves both.
        app.MapGet("/metrics", static () => Results.Text(string.Create(CultureInfo.InvariantCulture, $"dotnet_gc_heap_total_allocated_bytes_total {GC.GetTotalAllocatedBytes()}\n"))).RequireHost($"*:{operationsPort}");
        app.MapReverseProxy();
        await app.RunAsync();
        return 0;
    }
}
