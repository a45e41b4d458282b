using System.Net;
using BenchmarkDotNet.Attributes;
using Figures;
using Gateway;
using Gateway.Proxying;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Forwarder;

namespace Benchmarks.Allocations;

/// <summary>
/// A request of a known credential for a machine that is awake, through the product's own pipeline, without the server before it and the network behind it.
/// What the request itself is made of is allocated by <see cref="Bare"/> as well, and is not the pipeline's.
/// </summary>
[MemoryDiagnoser(displayGenColumns: false)]
public class WarmRequest : IAsyncDisposable
{
    private Stage? _stage;
    private Host? _host;
    private string _authorization = "";
    private int _port;

    [GlobalSetup]
    public async Task SetUpAsync()
    {
        _stage = await Stage.SetAsync(static _ => { }, 0);
        _host = new Host(_stage.Settings());
        _host.UseKestrel();
        _host.StartServer();
        _port = _host.Services.GetRequiredService<PublicListener>().Port!.Value;
        var token = _stage.TokenOf("alice");
        _authorization = "Bearer " + token;
        // A machine is made, woken and known, and so is the credential.
        using var alice = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_port}") };
        alice.DefaultRequestHeaders.Authorization = new("Bearer", token);
        using var answer = await alice.GetAsync("/small");
        answer.EnsureSuccessStatusCode();
        await Pipeline();
    }

    [GlobalCleanup]
    public async ValueTask DisposeAsync()
    {
        await _host!.DisposeAsync();
        await _stage!.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Benchmark(Baseline = true)]
    public int Bare()
    {
        using var sent = new HttpRequestMessage();
        return NewContext().Response.StatusCode + sent.Version.Major;
    }

    [Benchmark]
    public async Task<int> Pipeline()
    {
        var context = NewContext();
        await _host!.Pipeline(context);
        return context.Response.StatusCode == 204 ? 204 : throw new InvalidOperationException($"Answered {context.Response.StatusCode}: this is not a warm request.");
    }

    private DefaultHttpContext NewContext()
    {
        var context = new DefaultHttpContext { RequestServices = _host!.Services };
        var request = context.Features.GetRequiredFeature<IHttpRequestFeature>();
        (request.Method, request.Path, request.RawTarget, request.Protocol, request.Scheme) = ("GET", "/small", "/small", "HTTP/1.1", "http");
        request.Headers.Host = "localhost";
        request.Headers.Accept = "application/json";
        request.Headers.Authorization = _authorization;
        (context.Connection.LocalPort, context.Connection.RemoteIpAddress) = (_port, IPAddress.Loopback);
        return context;
    }

    /// <summary>The product's host; the pipeline is taken as it is served by, and a forwarder without a network takes the place of YARP's.</summary>
    private sealed class Host(Dictionary<string, string?> settings) : WebApplicationFactory<WorkspaceRequest>, IStartupFilter
    {
        public RequestDelegate Pipeline { get; private set; } = static _ => throw new InvalidOperationException("The host has not started.");

        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use(following => Pipeline = following);
            next(app);
        };

        protected override void ConfigureWebHost(IWebHostBuilder builder)
        {
            builder.UseEnvironment("Production");
            builder.ConfigureLogging(static logging => logging.ClearProviders());
            builder.UseSetting("Proxying:Listen", "http://127.0.0.1:0");
            builder.UseSetting("Operations:Listen", "http://127.0.0.1:0");
            foreach (var (key, value) in settings)
            {
                builder.UseSetting(key, value);
            }

            // On, and never reached.
            builder.UseSetting("Proxying:RequestsPerUser", "1000000");
            builder.UseSetting("Proxying:BurstPerUser", "1000000");
            builder.UseSetting("Proxying:ConcurrentPerUser", "1000");
            builder.ConfigureServices(services =>
            {
                services.AddSingleton<IStartupFilter>(this);
                services.AddSingleton<IHttpForwarder, NoNetwork>();
            });
        }
    }

    /// <summary>Applies the gateway's transforms, as YARP would, and answers at once.</summary>
    private sealed class NoNetwork : IHttpForwarder
    {
        private static readonly HttpResponseMessage Answer = new(HttpStatusCode.NoContent);

        public async ValueTask<ForwarderError> SendAsync(HttpContext context, string destinationPrefix, HttpMessageInvoker httpClient, ForwarderRequestConfig requestConfig, HttpTransformer transformer)
        {
            using var sent = new HttpRequestMessage();
            await transformer.TransformRequestAsync(context, sent, destinationPrefix, CancellationToken.None);
            context.Response.StatusCode = (int)Answer.StatusCode;
            await transformer.TransformResponseAsync(context, Answer, CancellationToken.None);
            return ForwarderError.None;
        }
    }
}
