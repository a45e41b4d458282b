using Gateway;
using Gateway.Identity;
using Gateway.Identity.Assertions;
using Gateway.Idling;
using Gateway.Machines;
using Gateway.Operations;
using Gateway.Operations.Console;
using Gateway.Provisioning;
using Gateway.Proxying;
using Gateway.Reconciling;
using Gateway.Sessions;
using Gateway.Waking;

SocketThreads.CompleteInline();

var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
builder.UseGatewayDefaults();

builder.Services.AddSingleton(TimeProvider.System);
builder.Services.AddSessions();
builder.Services.AddMachines();
builder.Services.AddIdentity();
builder.Services.AddWaking();
builder.Services.AddProvisioning(static provider => provider.GetRequiredService<MapRebuild>().EnsureListedAsync);
builder.Services.AddReconciling();
builder.Services.AddIdling();
builder.Services.AddProxying();
builder.Services.AddOperations();
builder.Services.AddLifecycleOperations();
builder.Services.AddConsole();
builder.Services.AddWorkspaceRequests();
builder.AddRequestTracing();
builder.Services.AddReverseProxy().LoadFromConfig(builder.Configuration.GetSection("ReverseProxy"));

var app = builder.Build();
if (!Configuration.IsValid(app))
{
    return 1;
}

app.UseClientAddress();
app.UseEdgeGuard();
app.UseIdentityGuard();
app.UseKnownCredentials();
app.UseIdentity();

app.MapIdentity();
app.MapAssertions();
app.MapOperations();
app.MapLifecycle();
app.MapConsole();
app.MapReverseProxy();
app.MapWorkspaceRequests();

await app.RunAsync();
return 0;
